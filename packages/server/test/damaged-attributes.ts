/** What somebody may do to the attributes of a message. */

export type Attributes = readonly (readonly [type: number, value: Uint8Array])[];

const data = Uint8Array.of(1, 2, 3, 4, 5);

/** Each attribute repeated, left out, of every other length and filled with nonsense; all in reverse; and unknown ones beside them. */
export function damaged(attributes: Attributes): Attributes[] {
  const all: Attributes[] = [
    attributes.toReversed(),
    [],
    [[0x7fff, data], ...attributes],
    [...attributes, [0x0003, data]],
  ];
  for (const [index, [type, value]] of attributes.entries()) {
    all.push([...attributes, [type, value]], [[type, value], ...attributes], attributes.toSpliced(index, 1));
    for (const byte of [0, 1, 0x7f, 0xff])
      all.push(attributes.with(index, [type, new Uint8Array(value.length).fill(byte)]));
    for (let length = 0; length <= 40; length++) {
      const other = new Uint8Array(length);
      other.set(value.subarray(0, length));
      all.push(attributes.with(index, [type, other]));
    }
  }
  return all;
}
