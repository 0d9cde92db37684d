/** Numbers of users and groups: the runtime changes owners by numbers alone. */

/** The number of a user in /etc/passwd. Throws an Error for the operator. */
export function userId(user: string): number {
  return idIn("/etc/passwd", "user", user);
}

/** The number of a group in /etc/group. Throws an Error for the operator. */
export function groupId(group: string): number {
  return idIn("/etc/group", "group", group);
}

function idIn(file: string, what: string, name: string): number {
  if (/^\d+$/.test(name)) return Number(name);
  // Both files: name, password, number, and more behind it (passwd(5), group(5)).
  for (const line of Deno.readTextFileSync(file).split("\n")) {
    const [found, , id] = line.split(":");
    if (found === name && id !== undefined && /^\d+$/.test(id)) {
      return Number(id);
    }
  }
  throw new Error(`there is no ${what} ${name} in ${file}`);
}
