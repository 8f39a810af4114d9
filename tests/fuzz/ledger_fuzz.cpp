// Input: one byte that chooses a wire type of the ledger, then bytes that claim to be one. What is
// accepted must be written as it was read, in binary and by JSON.
#include "market/block/apply.hpp"
#include "market/ledger/validators.hpp"
#include "market/node_answers.hpp"
#include "market/query.hpp"

namespace {

using namespace millrace;
using namespace millrace::market;

template <class T>
void try_type(ByteView raw) {
    const auto value = decode<T>(raw);
    if (!value.has_value()) return;
    MILLRACE_ASSERT(std::ranges::equal(encode(*value), raw));
    const auto again = from_json<T>(to_json(*value));
    // Text that is no UTF-8 has no JSON form; everything else comes back.
    if (again.has_value()) MILLRACE_ASSERT(encode(*again) == encode(*value));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const ByteView raw(data + 1, size - 1);
    switch (data[0] % 9) {
        case 0:
            try_type<SignedTx>(raw);
            break;
        case 1:
            try_type<Block>(raw);
            break;
        case 2:
            try_type<Genesis>(raw);
            break;
        case 3:
            try_type<JobSpec>(raw);
            break;
        case 4:
            try_type<Receipt>(raw);
            break;
        case 5:
            try_type<Tx>(raw);
            break;
        case 6:
            try_type<BlockHeader>(raw);
            break;
        case 7:
            try_type<EpochSet>(raw);
            break;
        default:
            try_type<Handover>(raw);
            break;
    }
    return 0;
}
