#!/usr/bin/env python3
"""A transparency log as C2SP tlog-tiles and tlog-checkpoint publish it, read by these specifications alone.

    tiles.py FOLDER KEYS INDEX   reads FOLDER/checkpoint and FOLDER/tile, checks the checkpoint's Ed25519 signature by the
                                 verifier keys in the file KEYS, a line each, computes the root from the leaves, holds every
                                 tile against them, and prints size, root and an inclusion proof of the leaf INDEX, as JSON;
                                 exit code 1 where anything does not fit

It shares no code with the server. `cryptography` checks the signature, all else is Python's own.
"""

import base64
import hashlib
import json
import pathlib
import sys

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

WIDTH = 256


def node(left, right):
    """RFC 6962, 2.1: an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_of(hashes):
    """RFC 6962, 2.1: the Merkle tree hash, of leaves or of whole subtrees of one height."""
    if not hashes:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    split = 1 << (len(hashes) - 1).bit_length() - 1
    return node(root_of(hashes[:split]), root_of(hashes[split:]))


def path_of(leaves, index):
    """RFC 6962, 2.1.1: the audit path."""
    if len(leaves) == 1:
        return []
    split = 1 << (len(leaves) - 1).bit_length() - 1
    if index < split:
        return path_of(leaves[:split], index) + [root_of(leaves[split:])]
    return path_of(leaves[split:], index - split) + [root_of(leaves[:split])]


def verifies(leaf, index, size, path, root):
    """RFC 9162, 2.1.3.2."""
    fn, sn, r = index, size - 1, leaf
    for p in path:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            r = node(p, r)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = node(r, p)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and r == root


def tile_path(level, index, width):
    """tlog-tiles: `tile/L/N[.p/W]`, N in groups of three digits, all but the last with an x before them."""
    groups = [f"{index % 1000:03}"]
    while index >= 1000:
        index //= 1000
        groups.insert(0, f"x{index % 1000:03}")
    return f"tile/{level}/" + "/".join(groups) + ("" if width == WIDTH else f".p/{width}")


def read_level(folder, level, count):
    """All hashes of a level of a tree, from the tiles that its size tells of."""
    hashes = []
    while len(hashes) < count:
        width = min(WIDTH, count - len(hashes))
        tile = (folder / tile_path(level, len(hashes) // WIDTH, width)).read_bytes()
        assert len(tile) == 32 * width, f"tile of level {level}: {len(tile)} bytes, not {32 * width}"
        hashes += [tile[at:at + 32] for at in range(0, len(tile), 32)]
    return hashes


def read_checkpoint(folder, keys):
    """tlog-checkpoint and signed-note: origin, size and root, signed by one of the keys by Ed25519 (type 0x01)."""
    note = (folder / "checkpoint").read_bytes()
    text, signatures = note.rsplit(b"\n\n", 1)
    text += b"\n"
    origin, size, root = text.decode().splitlines()[:3]
    known = {}
    for line in keys.read_text().splitlines():
        name, key_id, key = line.split("+", 2)
        key = base64.b64decode(key)
        expected = hashlib.sha256(name.encode() + b"\n" + key).digest()[:4]
        assert expected.hex() == key_id, "the id of a verifier key"
        if key[0] == 1:
            known[name, expected] = Ed25519PublicKey.from_public_bytes(key[1:])
    checked = 0
    for line in signatures.decode().splitlines():
        dash, name, signature = line.split(" ")
        signature = base64.b64decode(signature)
        key = known.get((name, signature[:4]))
        if dash == "\u2014" and name == origin and key:
            key.verify(signature[4:], text)
            checked += 1
    assert checked == 1, "no signature by a key that is known"
    return origin, int(size), base64.b64decode(root)


def main():
    folder, keys, index = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), int(sys.argv[3])
    origin, size, root = read_checkpoint(folder, keys)
    leaves = read_level(folder, 0, size)
    assert root_of(leaves) == root, "the root of the leaves is not the checkpoint's"
    level, below = 1, leaves
    while len(below) >= WIDTH:
        above = read_level(folder, level, len(below) // WIDTH)
        for at, found in enumerate(above):
            assert root_of(below[at * WIDTH:(at + 1) * WIDTH]) == found, f"level {level}, hash {at}"
        level, below = level + 1, above
    path = path_of(leaves, index)
    assert verifies(leaves[index], index, size, path, root), "the proof"
    shown = {"origin": origin, "size": size, "root": root.hex(), "leaf": leaves[index].hex()}
    print(json.dumps(shown | {"proof": [step.hex() for step in path]}))


if __name__ == "__main__":
    try:
        main()
    except Exception as error:  # whatever is wrong with the log: it is not to be trusted
        sys.exit(f"tiles.py: {type(error).__name__}: {error}")
