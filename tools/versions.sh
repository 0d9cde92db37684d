# The pinned tools, read by tools/bootstrap.sh. One line each: what, then the SHA-256 of the file that it
# gives on x86_64, then on aarch64. Whatever source a file came from, only these bytes are used.

# The runtime that builds and runs mailferry.
DENO_PINNED="2.6.10 bb9513ce8a9a7a976a77e0a32c5818035fb72dff6364afc5b8659594ba4a6139 5ecf8317e717e267c4cf161048f99b7addbccb1804a90d506437a7bc003c7616"

# The current release; `.ci/run` runs the tests on it too, so that moving on is this line over the one above.
DENO_CURRENT="2.9.6 bceb5b6a6239b0b010418406d8c77a508f67cf4337d94288f1c19fe71304aab0 d08d392418df53f4e6e88a08909c0e1bccbf9adcead7232df72b6ad6075ec416"

# The runtime stub of DENO_PINNED's version, which `deno compile` puts in front of the program.
DENORT_PINNED="2.6.10 1b136202dc147212ad0b129de0c10eb5f17060917c9754c7921cd68f764ad2e2 ee39b54b2f465eae3f1dd3d79495e1ef957fae69ff4f6ad118499986b714d494"

# A Python wheel whose executable was made by `deno compile` of that version, and so begins with the stub.
DENORT_WHEEL="bids-validator-deno==2.4.1 bids-validator-deno"
