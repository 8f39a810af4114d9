// Messages of agreement, and the records of the vote log.
// Input: the first byte chooses what is decoded (0 message, 1 record, 2 evidence); the rest is its
// encoding. Properties: no crash, nothing allocated beyond the input's claim, and what is accepted
// encodes back to the same bytes.
#include <cstddef>
#include <cstdint>

#include "common/assert.hpp"
#include "common/codec.hpp"
#include "consensus/events.hpp"

namespace {

template <class T>
void round_trip(millrace::ByteView raw) {
    const auto value = millrace::decode<T>(raw);
    if (!value.has_value()) return;
    const millrace::Bytes again = millrace::encode(*value);
    MILLRACE_ASSERT(again.size() == raw.size());
    MILLRACE_ASSERT(std::equal(again.begin(), again.end(), raw.begin()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    namespace cs = millrace::consensus;
    if (size == 0) return 0;
    const millrace::ByteView raw(data + 1, size - 1);
    switch (data[0] % 3) {
        case 0:
            round_trip<cs::Message>(raw);
            break;
        case 1:
            round_trip<cs::Record>(raw);
            break;
        default:
            round_trip<cs::Evidence>(raw);
            break;
    }
    return 0;
}
