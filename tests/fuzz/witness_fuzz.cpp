// Input: a position and a number of steps, a byte each, then an encoded witness. Its own pages give
// the root that it is held against, as in a dispute: who claims a state may have made up every byte
// of it. No such state may stop the verifier, and what it computes must not depend on when it asks.
#include "common/assert.hpp"
#include "common/codec.hpp"
#include "vm/machine/witness.hpp"

namespace {

using namespace millrace;

/// Verified under the root that its pages make.
void verify(std::uint64_t position, std::uint64_t steps, const vm::Witness& witness) {
    if (!check_page_proof(witness.proof).has_value()) return;
    if (witness.contents.size() != witness.proof.pages.size() * vm::kPageSize) return;
    std::vector<Hash> leaves;
    for (std::size_t at = 0; at < witness.contents.size(); at += vm::kPageSize)
        leaves.push_back(page_hash(ByteView(witness.contents.data() + at, vm::kPageSize)));
    const auto root = proven_root(witness.proof, leaves);
    if (!root.has_value()) return;
    const auto after = vm::verify_witness(*root, position, steps, witness);
    const auto again = vm::verify_witness(*root, position, steps, witness);
    MILLRACE_ASSERT(after.has_value() == again.has_value());
    if (after.has_value())
        MILLRACE_ASSERT(*after == *again);
    else
        MILLRACE_ASSERT(after.error() == vm::WitnessError::page_missing ||
                        after.error() == vm::WitnessError::page_unused);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    constexpr std::size_t kHead = 2;
    if (size < kHead) return 0;
    const ByteView raw(data + kHead, size - kHead);
    const auto witness = decode<vm::Witness>(raw);
    if (!witness.has_value()) return 0;
    MILLRACE_ASSERT(std::ranges::equal(encode(*witness), raw));
    MILLRACE_ASSERT(!vm::verify_witness(Hash{}, data[0], data[1], *witness).has_value());
    verify(data[0], data[1], *witness);
    return 0;
}
