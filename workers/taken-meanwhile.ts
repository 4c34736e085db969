/** What a run had chosen and another one was given first. */

/** Addresses that were chosen as nobody's, and are somebody's. The run chooses again; what it says is for when it has done so in vain. */
export class TakenMeanwhile extends Error {
  override readonly name = 'TakenMeanwhile';
  readonly addresses: readonly string[];

  constructor(addresses: readonly string[], message: string, options: ErrorOptions) {
    super(message, options);
    this.addresses = addresses;
  }
}
