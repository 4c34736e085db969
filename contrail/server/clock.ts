/** The server's clock. */

/**
 * UTC with microseconds and no zone, as Contrail writes times (facts 2). Never the same twice from one clock, so that
 * objects made in one transaction keep their order.
 */
export function createClock(): () => string {
  let last = 0;
  return () => {
    last = Math.max(Date.now() * 1000, last + 1);
    return `${new Date(Math.floor(last / 1000)).toISOString().slice(0, 19)}.${String(last % 1_000_000).padStart(6, '0')}`;
  };
}
