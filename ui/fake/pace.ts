// When the faked backend goes on with work that takes its time: after a while, for a person who looks
// at it; or step by step, for a test.

export class Pace {
  private isHeld = false;
  private granted = 0;
  private waiting: Array<() => void> = [];

  /** With `stepMs` of 0, a step takes no time. */
  constructor(private readonly stepMs: number) {}

  /** From here on each step waits for `step`. */
  hold(): void {
    this.isHeld = true;
  }

  /** Lets one step happen: the one that waits, else the next one to come. */
  step(): void {
    const first = this.waiting.shift();
    if (first) {
      first();
    } else {
      this.granted += 1;
    }
  }

  async next(): Promise<void> {
    if (!this.isHeld) {
      return this.stepMs > 0 ? new Promise((resolve) => setTimeout(resolve, this.stepMs)) : undefined;
    }
    if (this.granted > 0) {
      this.granted -= 1;
      return;
    }
    return new Promise((resolve) => this.waiting.push(resolve));
  }
}
