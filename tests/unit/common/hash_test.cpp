#include "common/hash.hpp"

#include <doctest/doctest.h>

#include "common/rng.hpp"

namespace millrace {

TEST_SUITE("common/hash") {
    // The expected values are Python's: hashlib.blake2b(data, digest_size=32, person=domain).
    TEST_CASE("the hash is BLAKE2b-256 with the domain as personalisation") {
        CHECK(to_hex(hash_bytes("mill/page", {}).view()) ==
              "96e5c598dbc45b5782848c56b969333796df9c27ad2e77718080169acfaa57b9");
        // Sixteen characters: the longest domain.
        CHECK(to_hex(hash_bytes("mill/test-golden", as_bytes("abc")).view()) ==
              "756385e302365ff2621355ef29efb7f80278b6e2ea7542c478ae20b0c1b3b186");
        Bytes raw(1000);
        for (std::size_t i = 0; i < raw.size(); ++i) raw[i] = static_cast<std::uint8_t>(i);
        CHECK(to_hex(Hasher("mill/node").update(raw).update_u64(7).finish().view()) ==
              "adacabccff90621c21c5ad80f17aa562b403ded3c3242f347eb5ee9c8cdab5b3");
    }

    TEST_CASE("pieces hash like the whole, and domains differ") {
        Rng rng(4);
        Bytes raw(700);
        rng.fill(raw);
        const Hash whole = hash_bytes("mill/page", raw);
        for (std::size_t cut = 0; cut <= raw.size(); cut += 50) {
            CAPTURE(cut);
            const ByteView all(raw);
            CHECK(Hasher("mill/page").update(all.first(cut)).update(all.subspan(cut)).finish() ==
                  whole);
        }
        CHECK(hash_bytes("mill/node", raw) != whole);
        CHECK(hash_bytes("mill/leaf", raw) != whole);
    }
}

}  // namespace millrace
