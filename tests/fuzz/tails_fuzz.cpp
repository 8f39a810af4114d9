// Input: the ends of a task's output and errors as a provider stores them and a node hands them
// out: the encoded pair, or its JSON. A program may have written any bytes.
#include <boost/json.hpp>

#include "common/codec.hpp"
#include "common/json.hpp"
#include "vm/machine/claim.hpp"

namespace {

using namespace millrace;

void check(const vm::Tails& tails) {
    MILLRACE_ASSERT(tails.out.size() <= vm::kTailMax && tails.err.size() <= vm::kTailMax);
    const auto again = from_json<vm::Tails>(to_json(tails));
    MILLRACE_ASSERT(again.has_value() && *again == tails);
    // Moving a byte from one stream to the other is another pair.
    if (tails.out.empty() || tails.err.size() == vm::kTailMax) return;
    vm::Tails moved = tails;
    moved.err.insert(moved.err.begin(), moved.out.back());
    moved.out.pop_back();
    MILLRACE_ASSERT(vm::tails_hash(moved) != vm::tails_hash(tails));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteView raw(data, size);
    const auto tails = decode<vm::Tails>(raw);
    if (tails.has_value()) {
        MILLRACE_ASSERT(std::ranges::equal(encode(*tails), raw));
        check(*tails);
    }
    boost::system::error_code error;
    const auto json = boost::json::parse(as_text(raw), error);
    if (error) return 0;
    const auto shown = from_json<vm::Tails>(json);
    if (shown.has_value()) check(*shown);
    return 0;
}
