#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>

#include "tests/support/auction_books.hpp"

/// tests/golden/auction.txt: one case a line, `name seed limits book outcome`: the seed, the
/// encoded limits and the encoded book in hexadecimal, then the BLAKE2b-256 ("mill/clearing") of
/// the encoded clearing. A second implementation that reproduces the last column agrees with this
/// one; a change of it is a change of the protocol. MILLRACE_GOLDEN_WRITE=1 rewrites the file from
/// this build.

using namespace millrace;
using namespace millrace::market;
using namespace millrace::market::testing;

namespace {

struct Case {
    std::string name;
    Hash seed;
    ClearingLimits limits;
    Book book;
};

std::vector<Case> cases() {
    std::vector<Case> out;
    for (std::uint64_t i = 0; i < 24; ++i) {
        Rng rng(0xA0C7'1000 + i);
        BookShape shape;
        shape.bids = 2 + i % 9;
        shape.asks = 2 + i % 7;
        shape.classes = i % 2 == 0;
        shape.replicas = i % 3 == 0;
        Case one{"random-" + std::to_string(i), {}, {}, random_book(rng, shape)};
        rng.fill(one.seed.bytes);
        if (i % 5 == 4) one.limits = {3, 2'000};
        out.push_back(std::move(one));
    }
    return out;
}

/// What two implementations must agree on: all but the counters of how the book was sorted.
Hash outcome_of(const Book& made, const Hash& seed, const ClearingLimits& limits) {
    Clearing out = clear(made, seed, limits);
    out.work.setup = out.work.settle = 0;
    return hash_bytes("mill/clearing", encode(out));
}

std::string line_of(const Case& one) {
    const Hash outcome = outcome_of(one.book, one.seed, one.limits);
    return one.name + " " + to_hex(one.seed.view()) + " " + to_hex(encode(one.limits)) + " " +
           to_hex(encode(one.book)) + " " + to_hex(outcome.view());
}

const std::string kPath = MILLRACE_GOLDEN_DIR "/auction.txt";

}  // namespace

TEST_SUITE("market/auction/golden") {
    TEST_CASE("the recorded books clear to the recorded outcomes") {
        const char* write = std::getenv("MILLRACE_GOLDEN_WRITE");
        if (write != nullptr && std::string(write) == "1") {
            std::ofstream file(kPath);
            for (const Case& one : cases()) file << line_of(one) << '\n';
        }
        std::ifstream file(kPath);
        REQUIRE(file.good());
        std::size_t count = 0;
        for (std::string line; std::getline(file, line); ++count) {
            CAPTURE(line.substr(0, 16));
            std::istringstream words(line);
            const std::vector<std::string> field{std::istream_iterator<std::string>(words), {}};
            REQUIRE(field.size() == 5);
            const auto seed = Hash::from(*from_hex(field[1]));
            const auto limits = decode<ClearingLimits>(*from_hex(field[2]));
            const auto made = decode<Book>(*from_hex(field[3]));
            REQUIRE(seed.has_value());
            REQUIRE(limits.has_value());
            REQUIRE(made.has_value());
            REQUIRE(to_hex(encode(*made)) == field[3]);
            const Hash outcome = outcome_of(*made, *seed, *limits);
            CHECK(to_hex(outcome.view()) == field[4]);
        }
        CHECK(count == cases().size());
    }
}
