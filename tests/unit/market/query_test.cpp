#include "market/query.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "market/ledger/tables.hpp"
#include "tests/support/market_world.hpp"

namespace millrace::market {
namespace {

const Bytes kPresent{1};

/// The id ends with the number, so that ids and numbers have one order.
LeaseId lease_of(std::uint32_t number) {
    LeaseId id;
    for (std::size_t i = 0; i < sizeof number; ++i)
        id.bytes[id.bytes.size() - 1 - i] = static_cast<std::uint8_t>(number >> (8 * i));
    return id;
}

/// Rows of leases [first, first + count), all of one job.
StateWrites rows_of(World& world, const std::string& provider, std::uint32_t first,
                    std::uint32_t count) {
    StateWrites out;
    JobId job;
    out[job_spec_key(job).bytes()] = encode(world.job_spec(kTaskReplicasMax));
    for (std::uint32_t number = first; number < first + count; ++number) {
        Lease lease;
        lease.job = job;
        lease.provider = world.address(provider);
        lease.chunk = number;
        out[lease_key(lease_of(number)).bytes()] = encode(lease);
        out[chunk_key(job, number).bytes()] = encode(Chunk{});
        out[provider_lease_key(lease.provider, lease_of(number)).bytes()] = kPresent;
    }
    return out;
}

std::vector<std::uint32_t> numbers(const std::vector<LeaseView>& leases) {
    std::vector<std::uint32_t> out;
    for (const LeaseView& l : leases) out.push_back(l.lease.chunk);
    return out;
}

}  // namespace

TEST_SUITE("market/query") {
    TEST_CASE("all leases of a provider are reached by page, each once and in order") {
        World w;
        constexpr std::uint32_t kMine = 2 * kPageMax + 7;
        w.state.apply(rows_of(w, "alice", 0, kMine));
        w.state.apply(rows_of(w, "bob", kMine, 5));
        for (const std::size_t limit : {std::size_t{1'000}, kPageMax, std::size_t{1'000'000}}) {
            CAPTURE(limit);
            std::vector<std::uint32_t> seen;
            std::optional<LeaseId> from;
            for (;;) {
                const auto page = provider_leases(w.state, w.address("alice"), limit, from);
                CHECK(page.size() <= std::min(limit, kPageMax));
                if (page.empty()) break;
                for (const std::uint32_t number : numbers(page)) seen.push_back(number);
                from = page.back().id;
            }
            REQUIRE(seen.size() == kMine);
            for (std::uint32_t i = 0; i < kMine; ++i) REQUIRE(seen[i] == i);
        }
    }

    TEST_CASE("a page begins behind a lease that has gone since") {
        World w;
        w.state.apply(rows_of(w, "alice", 0, 3));
        StateWrites gone;
        gone[provider_lease_key(w.address("alice"), lease_of(1)).bytes()] = std::nullopt;
        w.state.apply(gone);
        using Numbers = std::vector<std::uint32_t>;
        CHECK(numbers(provider_leases(w.state, w.address("alice"), 9)) == Numbers{0, 2});
        CHECK(numbers(provider_leases(w.state, w.address("alice"), 9, lease_of(1))) == Numbers{2});
        CHECK(numbers(provider_leases(w.state, w.address("alice"), 1, lease_of(0))) == Numbers{2});
        CHECK(provider_leases(w.state, w.address("alice"), 9, lease_of(2)).empty());
        CHECK(provider_leases(w.state, w.address("alice"), 0).empty());
    }
}

}  // namespace millrace::market
