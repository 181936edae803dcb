/** The event, with copies of the bytes that are fields of it: a machine lends them only until its next input. */
export function withOwnBytes<Event>(event: Event): Event {
  if (typeof event !== "object" || event === null) return event;
  let copy: (Event & object) | undefined;
  for (const name in event) {
    const value = event[name];
    if (!(value instanceof Uint8Array)) continue;
    copy ??= { ...event };
    Reflect.set(copy, name, value.slice());
  }
  return copy ?? event;
}
