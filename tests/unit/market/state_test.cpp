#include <doctest/doctest.h>

#include "common/rng.hpp"
#include "market/list_root.hpp"
#include "market/params.hpp"
#include "market/state.hpp"

namespace millrace::market {

TEST_SUITE("market/state") {
    TEST_CASE("overlays on overlays answer as one map would") {
        for (std::uint64_t seed = 1; seed <= 20; ++seed) {
            CAPTURE(seed);
            Rng rng(seed);
            MemoryState base;
            std::map<Bytes, Bytes> model;
            const auto random_key = [&] {
                Bytes key{static_cast<std::uint8_t>(1 + rng.below(2))};
                for (std::uint64_t i = rng.below(3); i > 0; --i)
                    key.push_back(static_cast<std::uint8_t>(rng.below(4)));
                return key;
            };
            StateWrites first;
            for (int i = 0; i < 20; ++i) {
                const Bytes key = random_key();
                first[key] = model[key] = Bytes{static_cast<std::uint8_t>(i)};
            }
            base.apply(first);
            Overlay lower(base);
            Overlay upper(static_cast<const StateReader&>(lower));
            for (int i = 0; i < 200; ++i) {
                // Only the top one is written once it has been read through.
                Overlay& target = i < 60 ? lower : upper;
                const Bytes key = random_key();
                if (rng.chance(3)) {
                    target.erase(key);
                    model.erase(key);
                } else {
                    model[key] = Bytes{static_cast<std::uint8_t>(i)};
                    target.put(key, model[key]);
                }
                const Bytes asked = random_key();
                const auto found = upper.get(asked);
                CHECK(found.has_value() == model.contains(asked));
                if (found) CHECK(*found == model[asked]);
                const Bytes prefix{static_cast<std::uint8_t>(1 + rng.below(2))};
                const Bytes from = rng.chance(2) ? random_key() : Bytes{};
                const std::size_t limit = rng.below(12);
                std::vector<StateEntry> expected;
                for (const auto& [k, v] : model)
                    if (k[0] == prefix[0] && k >= from && expected.size() < limit)
                        expected.push_back({k, v});
                CHECK(upper.scan(prefix, from, limit) == expected);
            }
            base.apply(lower.writes());
            base.apply(upper.writes());
            CHECK(base.entries() == model);
        }
    }

    TEST_CASE("a list's root proves each item at its place and nothing else") {
        for (std::size_t count = 0; count <= 33; ++count) {
            std::vector<Hash> leaves;
            for (std::size_t i = 0; i < count; ++i)
                leaves.push_back(Hasher("mill/test-golden").update_u64(i).finish());
            const ListRoot root = list_root("mill/claims", leaves);
            CHECK(root != list_root("mill/txs", leaves));
            for (std::size_t i = 0; i < count; ++i) {
                auto proof = list_proof(leaves, i);
                CHECK(check_list_proof("mill/claims", root, count, i, leaves[i], proof));
                CHECK(!check_list_proof("mill/claims", root, count + 1, i, leaves[i], proof));
                CHECK(!check_list_proof("mill/claims", root, count, (i + 1) % (count + 1),
                                        leaves[i], proof));
                proof.emplace_back();
                CHECK(!check_list_proof("mill/claims", root, count, i, leaves[i], proof));
            }
            if (count > 1) {
                std::vector<Hash> shorter(leaves.begin(), leaves.end() - 1);
                CHECK(list_root("mill/claims", shorter) != root);
            }
        }
    }

    TEST_CASE("both parameter sets are good, and a field out of range is named") {
        CHECK(check_params(Params::defaults()).has_value());
        CHECK(check_params(Params::dev()).has_value());
        Params p;
        p.stake.evidence_window_ms = p.stake.unbonding_ms + 1;
        CHECK(std::string(check_params(p).error()) == "evidence_window_ms");
        p = {};
        p.leases.lease_reserve = Amount{1'000'000};
        CHECK(std::string(check_params(p).error()) == "lease_reserve");
        p = {};
        p.disputes.slash_burnt_bp = 4'999;
        CHECK(std::string(check_params(p).error()) == "slash_burnt_bp");
    }

    TEST_CASE("clocks of a lot follow its gas") {
        const Params p;
        CHECK(shortest_window_ms(p, Gas{1}) == 600'000);
        CHECK(shortest_window_ms(p, Gas{600'000'000'000}) == 1'200'000);
        CHECK(shortest_window_ms(Params::dev(), Gas{60'000'000'000}) == 1'200);
        CHECK(commit_time_ms(p, Gas{60'000'000'000}) == 300'000);
        CHECK(commit_time_ms(p, Gas{1}) == 60'001);
        CHECK(start_time_ms(p, 5'000'000) == 125'000);
    }
}

}  // namespace millrace::market
