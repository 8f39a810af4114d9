// What node and worker say to one another, both directions.
// Input: the first byte chooses the side that listens (even: the worker, which takes jobs; odd: the
// node, which takes events); the rest is a stream of frames, each a u32 length and its contents.
// Properties: no crash, no frame above the bound, nothing allocated beyond the input's claim, and
// what is accepted encodes back to the same bytes.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "common/assert.hpp"
#include "common/codec.hpp"
#include "vm/native/worker_protocol.hpp"

namespace {

namespace vm = millrace::vm;

template <class T>
void round_trip(millrace::ByteView raw) {
    const auto value = millrace::decode<T>(raw);
    if (!value.has_value()) return;
    const millrace::Bytes again = millrace::encode(*value);
    MILLRACE_ASSERT(std::ranges::equal(again, raw));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const bool to_worker = data[0] % 2 == 0;
    millrace::ByteView stream(data + 1, size - 1);
    while (stream.size() >= vm::kWorkerHeaderSize) {
        std::array<std::uint8_t, vm::kWorkerHeaderSize> header{};
        std::copy_n(stream.begin(), header.size(), header.begin());
        stream = stream.subspan(header.size());
        const auto length = vm::frame_size(header);
        if (!length) return 0;  // both sides hang up
        MILLRACE_ASSERT(*length <= vm::kWorkerFrameMax);
        MILLRACE_ASSERT(vm::frame_header(*length) == header);
        // A stream that ends early is decoded as far as it goes: mutations rarely keep lengths.
        const millrace::ByteView frame =
            stream.first(std::min<std::size_t>(*length, stream.size()));
        if (to_worker)
            round_trip<vm::WorkerJob>(frame);
        else
            round_trip<vm::WorkerEvent>(frame);
        stream = stream.subspan(frame.size());
    }
    return 0;
}
