import assert from "node:assert/strict";
import { emptyEnv, envOf } from "../config/testing.ts";
import { beginning } from "./beginning.ts";
import { ConfigRefused } from "./opening.ts";

Deno.test("beginning resumes nothing where nothing is kept, and says so", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const file = `${folder}/config.toml`;
    const text = `[destination.old]
host = "old.example.com"
[routing]
default_destination = "old"
[mapping]
source = "file"
file.path = "${folder}/mappings"
`;
    await Deno.writeTextFile(`${folder}/mappings`, "");
    await Deno.writeTextFile(file, text);
    const begin = (env = emptyEnv) =>
      beginning({ file, env, version: "1", resume: true }, null);
    await assert.rejects(begin(), {
      message: "--resume needs server.state_dir: nothing is kept without it",
    });
    const kept = await begin(envOf({ STATE_DIRECTORY: `${folder}/state` }));
    assert.equal(kept.opened.document, kept.fileDocument);

    // What is wrong with the file is the first thing to know.
    await Deno.writeTextFile(file, "nothing of the kind");
    await assert.rejects(begin(), ConfigRefused);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
