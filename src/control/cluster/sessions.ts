/** Sessions that one proxy lists for another: it has to hold all of them at once. */
export const MOST_SESSIONS = 10_000;
