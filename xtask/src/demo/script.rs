//! What happens on the virtual desktop, and what it must lead to at the server.

use std::time::Duration;

use anyhow::Result;

use super::clock;
use super::desktop::{Design, Desktop, WindowId};
use super::interrupts::Interrupts;

/// Without input for so long, the person counts as idle.
pub(super) const IDLE_THRESHOLD: Duration = Duration::from_secs(2);

/// How long the hands rest in the idle step: the threshold, and time to notice.
const REST: i64 = 3_500;

/// The time for which one window, with one title, had the focus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stay {
    pub(super) app: &'static str,
    pub(super) title: String,
    /// Milliseconds since 1970.
    pub(super) start: i64,
    pub(super) end: i64,
}

/// How long the window that has the focus first keeps it.
const OVERTURE: i64 = 1_000;

/// A time without input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rest {
    /// The last input before it, and the first after it; milliseconds since 1970.
    pub(super) last_input: i64,
    pub(super) next_input: Option<i64>,
}

/// What the script has done so far.
#[derive(Default)]
pub(super) struct Deeds {
    pub(super) stays: Vec<Stay>,
    pub(super) rests: Vec<Rest>,
}

/// Drives the windows, step by step, round after round.
pub(super) struct Script<'a> {
    desktop: &'a Desktop,
    interrupts: &'a Interrupts,
    windows: [WindowId; 3],
    deeds: Deeds,
    next: usize,
    /// When the next step is due, in milliseconds since 1970.
    due: i64,
    last_input: i64,
    resting: bool,
    pages: u32,
}

/// One thing that a person does.
#[derive(Clone, Copy)]
enum Step {
    Focus(usize),
    TurnPage,
    Rest,
    Return,
}

/// A round: what is done, and for how many milliseconds nothing else is.
const ROUND: [(Step, i64); 6] = [
    (Step::Focus(0), 2_400),
    (Step::Focus(1), 1_800),
    (Step::TurnPage, 1_600),
    (Step::Focus(2), 900),
    (Step::Rest, REST),
    (Step::Return, 700),
];

const BROWSER: usize = 1;

/// The windows, in the order in which they are opened; the last has the focus first.
pub(super) fn designs() -> [Design; 4] {
    [
        Design {
            app: "Editor",
            title: "engine.rs - Editor".to_owned(),
            geometry: "84x22+30+40",
            colours: ("#10243e", "#dce9f7"),
            text: EDITOR,
        },
        Design {
            app: "Browser",
            title: page(0),
            geometry: "84x22+640+90",
            colours: ("#fdf6e3", "#33424a"),
            text: BROWSER_TEXT,
        },
        Design {
            app: "Terminal",
            title: "ada@analytical: ~/engine - Terminal".to_owned(),
            geometry: "84x18+120+440",
            colours: ("#101010", "#9fdf9f"),
            text: TERMINAL,
        },
        Design {
            app: "Welcome",
            title: "Good morning - Welcome".to_owned(),
            geometry: "44x8+820+560",
            colours: ("#3b1f4f", "#f5e6ff"),
            text: "\n\n   The demo begins when the agent runs.",
        },
    ]
}

impl<'a> Script<'a> {
    /// Takes the desktop over, with the windows of [`designs`] open.
    pub(super) fn new(
        desktop: &'a Desktop,
        interrupts: &'a Interrupts,
        windows: [WindowId; 3],
    ) -> Self {
        Self {
            desktop,
            interrupts,
            windows,
            deeds: Deeds::default(),
            next: 0,
            due: clock::now() + OVERTURE,
            last_input: clock::now(),
            resting: false,
            pages: 0,
        }
    }

    /// Does what is due.
    pub(super) fn advance(&mut self) -> Result<()> {
        let now = clock::now();
        if now >= self.due {
            let (step, lasting) = ROUND[self.next % ROUND.len()];
            self.next += 1;
            self.due = now + lasting;
            self.take(step)?;
        } else if !self.resting && now - self.last_input > 400 {
            self.last_input = self.desktop.input()?;
        }
        Ok(())
    }

    /// Ends the stay that lasts, and says what was done.
    pub(super) fn finish(mut self) -> Deeds {
        self.close_stay(clock::now());
        self.deeds
    }

    fn take(&mut self, step: Step) -> Result<()> {
        match step {
            Step::Focus(window) => {
                let at = self.desktop.focus(self.windows[window], self.interrupts)?;
                let design = &designs()[window];
                let title = if window == BROWSER { page(self.pages) } else { design.title.clone() };
                self.open_stay(design.app, title, at);
            }
            Step::TurnPage => {
                self.pages += 1;
                let title = page(self.pages);
                let at = self.desktop.rename(self.windows[BROWSER], &title)?;
                self.open_stay(designs()[BROWSER].app, title, at);
            }
            Step::Rest => {
                self.resting = true;
                self.deeds.rests.push(Rest { last_input: self.last_input, next_input: None });
            }
            Step::Return => {
                self.resting = false;
                self.last_input = self.desktop.input()?;
                if let Some(rest) = self.deeds.rests.last_mut() {
                    rest.next_input = Some(self.last_input);
                }
            }
        }
        Ok(())
    }

    fn open_stay(&mut self, app: &'static str, title: String, at: i64) {
        self.close_stay(at);
        self.deeds.stays.push(Stay { app, title, start: at, end: at });
    }

    fn close_stay(&mut self, at: i64) {
        if let Some(stay) = self.deeds.stays.last_mut() {
            stay.end = at;
        }
    }
}

/// The title of the browser after so many pages.
fn page(number: u32) -> String {
    format!(
        "Sketch of the Analytical Engine, note {} - Browser",
        char::from(b'A' + (number % 7) as u8)
    )
}

const EDITOR: &str = "
  fn bernoulli(n: usize) -> Vec<Ratio> {
      let mut numbers = vec![Ratio::ONE];
      for m in 1..=n {
          let sum: Ratio = (0..m)
              .map(|k| binomial(m + 1, k) * numbers[k])
              .sum();
          numbers.push(-sum / (m + 1));
      }
      numbers
  }
";

const BROWSER_TEXT: &str = "
  SKETCH OF THE ANALYTICAL ENGINE

  The Analytical Engine has no pretensions whatever to
  originate anything. It can do whatever we know how to
  order it to perform. It can follow analysis; but it has
  no power of anticipating any analytical relations.
";

const TERMINAL: &str = "
  ada@analytical:~/engine$ cargo test
      Finished `test` profile in 0.84s
       Running unittests src/lib.rs

  running 3 tests
  test the_first_number_is_one ... ok
  test odd_numbers_after_the_first_are_zero ... ok
  test the_eighth_number_is_that_of_note_g ... ok

  ada@analytical:~/engine$ ";
