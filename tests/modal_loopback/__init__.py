"""A Modal on this machine, for tests: the real protocol, real sandboxes, faults on demand.

python -m tests.modal_loopback --announce FILE [--latency-ms N] [--rpc-log FILE] [--faults FILE]

`wire` carries RPCs (authentication, log, faults), `control*` and `router` answer them, `sandboxes`,
`images` and `volumes` hold what they speak of, `cell` and `inside` are processes in namespaces.
Nothing here needs `modal`, only the messages of `modal_proto`.

Where it differs from Modal: whatever an image is FROM, its base is this machine's root; cpu,
memory and gpu are taken and not enforced; a sandbox's network leads nowhere but into it, through
tunnels without TLS; a volume's changes are seen before a commit. Sidecars, memory snapshots,
connect tokens and file watches are UNIMPLEMENTED, identity tokens and Docker inside of a sandbox
are not given. Without root, apt installs nothing new. But for that, Modal's own end-to-end tests of
its SDK for JavaScript pass on it: those of sandboxes, files, snapshots, images, volumes, secrets.
"""
