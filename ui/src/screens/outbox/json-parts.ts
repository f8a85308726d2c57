// JSON text cut into parts that are coloured by kind. The parts joined are the text, unchanged.

export type PartKind = 'name' | 'text' | 'number' | 'word' | 'plain';

export interface JsonPart {
  kind: PartKind;
  text: string;
}

const PARTS = /("(?:\\.|[^"\\])*")(\s*:)?|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|\b(?:true|false|null)\b/g;

export function jsonParts(json: string): JsonPart[] {
  const parts: JsonPart[] = [];
  let at = 0;
  const plain = (to: number) => {
    if (to > at) {
      parts.push({ kind: 'plain', text: json.slice(at, to) });
    }
  };
  for (const match of json.matchAll(PARTS)) {
    plain(match.index);
    const [whole, quoted, colon] = match;
    if (quoted !== undefined) {
      parts.push({ kind: colon === undefined ? 'text' : 'name', text: quoted });
      at = match.index + quoted.length;
    } else {
      parts.push({ kind: /^[-\d]/.test(whole) ? 'number' : 'word', text: whole });
      at = match.index + whole.length;
    }
  }
  plain(json.length);
  return parts;
}
