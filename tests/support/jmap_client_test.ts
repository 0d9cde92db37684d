import assert from "node:assert/strict";
import { Cyrus } from "./cyrus.ts";
import { basic } from "./http_client.ts";
import { JmapClient, JmapFailure } from "./jmap_client.ts";
import { Ground } from "./proxy_config.ts";
import { needs } from "./requirements.ts";
import { ALICE } from "./stage.ts";

needs(
  ["cyrus"],
  "Without a proxy the JMAP client reads the mail of Cyrus by Basic and by Bearer, and nobody else's",
  async () => {
    await using ground = await Ground.create();
    const { authority, folder } = ground;
    await using cyrus = await Cyrus.start({ name: "new", folder, authority });
    await cyrus.deliver(ALICE, "Greetings", "How are you?");
    for (const login of [basic(ALICE), await cyrus.bearer(ALICE)]) {
      await using client = new JmapClient(cyrus.url, login, authority.file);
      assert.deepEqual(await client.read(), [
        { subject: "Greetings", text: "How are you?" },
      ]);
    }
    assert.ok(cyrus.logins.length > 0);
    assert.ok(cyrus.logins.every(({ user }) => user === ALICE));
    const wrong = basic(ALICE, "wrong");
    await using stranger = new JmapClient(cyrus.url, wrong, authority.file);
    await assert.rejects(
      stranger.read(),
      (error: JmapFailure) => error.status === 401,
    );
  },
);
