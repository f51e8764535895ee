/** The nearest time that a format can write; a file's own time may be anything. */
export function within(time: Date, earliest: Date, latest: Date): Date {
  const wanted = time.getTime();
  if (Number.isNaN(wanted)) return earliest;
  return new Date(Math.min(Math.max(wanted, earliest.getTime()), latest.getTime()));
}
