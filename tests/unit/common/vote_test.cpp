#include <doctest/doctest.h>

#include "common/vote.hpp"

namespace millrace {

TEST_SUITE("common/vote") {
    TEST_CASE("which two subjects of one validator prove its fault") {
        const View v{4};
        const Proposal c{View{3}, BlockHash{}};
        Proposal d = c;
        d.block.bytes[0] = 1;
        // The same block on another parent view is another proposal.
        const Proposal e{View{2}, c.block};
        const auto notarize = [&](const Proposal& p) { return Subject::notarize(v, p); };
        const auto finalize = [&](const Proposal& p) { return Subject::finalize(v, p); };
        struct Row {
            Subject a;
            Subject b;
            bool proves;
        };
        const Row rows[] = {
            {notarize(c), notarize(d), true},
            {notarize(c), notarize(e), true},
            {finalize(c), finalize(d), true},
            {Subject::nullify(v), finalize(c), true},
            {notarize(c), finalize(d), true},
            {notarize(c), notarize(c), false},
            {finalize(c), finalize(c), false},
            {Subject::nullify(v), Subject::nullify(v), false},
            {notarize(c), finalize(c), false},
            {notarize(c), Subject::nullify(v), false},
            {notarize(c), Subject::notarize(View{5}, d), false},
            {Subject::nullify(v), Subject::finalize(View{5}, c), false},
        };
        for (const Row& row : rows) {
            CAPTURE(&row - rows);
            CHECK(proves_fault(row.a, row.b) == row.proves);
            CHECK(proves_fault(row.b, row.a) == row.proves);
        }
    }

    TEST_CASE("after a recovery votes sign another domain, and never that of another number") {
        ChainId chain;
        chain.bytes[5] = 7;
        CHECK(vote_domain(chain, 0) == chain);
        CHECK(vote_domain(chain, 1) != chain);
        CHECK(vote_domain(chain, 1) != vote_domain(chain, 2));
        const Subject subject = Subject::nullify(View{1});
        CHECK(signed_bytes(vote_domain(chain, 1), Epoch{3}, subject) !=
              signed_bytes(chain, Epoch{3}, subject));
    }
}

}  // namespace millrace
