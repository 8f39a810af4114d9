#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

/// The two headers of HTTP that say which bytes of a file are meant (RFC 9110, section 14), as far
/// as blobs need them. Private to node/rpc.
namespace millrace::node::rpc {

/// Bytes `[begin, end)`.
struct ByteRange {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    friend bool operator==(const ByteRange&, const ByteRange&) = default;
};

/// Reads the Range header `bytes=FIRST-` or `bytes=FIRST-LAST` of a file of `size` bytes; a last
/// byte beyond the end means the end. None for anything else, such as several ranges, and for what
/// begins beyond the end.
[[nodiscard]] std::optional<ByteRange> parse_range(std::string_view text, std::uint64_t size);

struct ContentRange {
    ByteRange range;
    std::uint64_t total = 0;
    friend bool operator==(const ContentRange&, const ContentRange&) = default;
};
/// Reads the Content-Range header `bytes FIRST-LAST/TOTAL`; none unless FIRST <= LAST < TOTAL.
[[nodiscard]] std::optional<ContentRange> parse_content_range(std::string_view text);

}  // namespace millrace::node::rpc
