/** Where this server answers otherwise than the recorded real one, and why. Everything else must be alike. */

export const DEVIATIONS: Readonly<Record<number, string>> = {
  1: 'The homepage lists only actions that answer here: no database check, profiling, message bus or jobs.',
  24: 'A missing parent_type is the client’s mistake: 400 with the text of the other cases, where the real server fails with a KeyError.',
  34: 'A body without the type’s key is the client’s mistake: 400 and what is wrong with it, instead of 500.',
  35: 'A body that is no JSON is the client’s mistake: 400 instead of 500.',
  36: 'The recording sent no JSON content type; sent with one, the empty object is refused for its missing name.',
  37: 'An empty body is the client’s mistake: 400 instead of 500.',
  42: 'A text that is no UUID is the client’s mistake: 400 with the text of exchange 43, instead of 500.',
  73: 'A malformed route target is the client’s mistake: 400 and the target, instead of a failure while the error is written.',
  85: 'A port without a network is the client’s mistake: 400, instead of a KeyError.',
  99: 'A text that is no address is the client’s mistake: 400 and the text, instead of 500.',
  189: 'Two types without a link cannot refer to each other: 400, where the real server says 200 and does nothing.',
  205: 'A relaxed reference is gone with its target at once; the real server shows a stale copy of the referrer.',
  301: 'The message of 412 is the bare body, as with all other errors, not an HTML page around it.',
};
