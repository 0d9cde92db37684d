/** Why no store could give this word back as it is, or null. `what` names it in the message. */
export function unreadableWord(what: string, word: string): string | null {
  if (word === "") return `the ${what} is empty`;
  if (word.includes("\0")) return `the ${what} holds a NUL`;
  if (!word.isWellFormed() || word.includes("\uFFFD")) {
    return `the ${what} is not valid Unicode text`;
  }
  return null;
}
