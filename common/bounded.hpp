#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace millrace {

/// A vector whose wire form holds at most `Max` items; the codec checks the bound before it
/// allocates.
template <class T, std::size_t Max>
struct BoundedVector : std::vector<T> {
    static constexpr std::size_t kMax = Max;
    using std::vector<T>::vector;
    BoundedVector() = default;
    // NOLINTNEXTLINE(google-explicit-constructor): a plain vector becomes one by naming it.
    BoundedVector(std::vector<T> items) : std::vector<T>(std::move(items)) {}
    friend bool operator==(const BoundedVector& a, const BoundedVector& b) {
        return static_cast<const std::vector<T>&>(a) == static_cast<const std::vector<T>&>(b);
    }
};

template <std::size_t Max>
using BoundedBytes = BoundedVector<std::uint8_t, Max>;

/// UTF-8 text of at most `Max` bytes on the wire.
template <std::size_t Max>
struct BoundedString : std::string {
    static constexpr std::size_t kMax = Max;
    using std::string::string;
    BoundedString() = default;
    // NOLINTNEXTLINE(google-explicit-constructor): a plain string becomes one by naming it.
    BoundedString(std::string text) : std::string(std::move(text)) {}
};

}  // namespace millrace
