/** How much of TURN each user holds: allocations, those whose ports are being opened, and ports that are kept. */
export class Holdings {
  readonly #byUser = new Map<string, number>();

  of(username: string): number {
    return this.#byUser.get(username) ?? 0;
  }

  add(username: string): void {
    this.#byUser.set(username, this.of(username) + 1);
  }

  remove(username: string): void {
    const left = this.of(username) - 1;
    if (left > 0) this.#byUser.set(username, left);
    else this.#byUser.delete(username);
  }
}
