#pragma once

#include <array>
#include <cstddef>

namespace millrace {

/// The first `N` buffers of a sequence that are not empty, the rest of the array empty: a stream
/// behind a virtual function takes them in an array, whatever kind of sequence the caller has.
/// What is beyond them waits for the next call, as after any short read or write.
template <class Buffer, std::size_t N, class Iterator>
[[nodiscard]] std::array<Buffer, N> first_buffers(Iterator at, const Iterator& end) {
    std::array<Buffer, N> some{};
    std::size_t count = 0;
    for (; at != end && count < N; ++at)
        if (const Buffer buffer(*at); buffer.size() != 0) some[count++] = buffer;
    return some;
}

}  // namespace millrace
