/** Redirections: stub. */
/** The Location of a redirection: what no URL has is percent-encoded. Throws UsageError. */
export function redirectLocation(location: string): string {
  return location;
}
