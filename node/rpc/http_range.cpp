#include "node/rpc/http_range.hpp"

#include <algorithm>
#include <charconv>

namespace millrace::node::rpc {

namespace {

/// Digits and nothing else.
std::optional<std::uint64_t> number(std::string_view digits) {
    std::uint64_t out = 0;
    const auto [stop, ec] = std::from_chars(digits.begin(), digits.end(), out);
    if (digits.empty() || ec != std::errc{} || stop != digits.end()) return std::nullopt;
    return out;
}

/// Takes `prefix` off; false when the text does not begin so.
bool take(std::string_view& text, std::string_view prefix) {
    if (!text.starts_with(prefix)) return false;
    text.remove_prefix(prefix.size());
    return true;
}

}  // namespace

std::optional<ByteRange> parse_range(std::string_view text, std::uint64_t size) {
    if (!take(text, "bytes=")) return std::nullopt;
    const std::size_t dash = text.find('-');
    if (dash == std::string_view::npos) return std::nullopt;
    const auto first = number(text.substr(0, dash));
    if (!first || *first > size) return std::nullopt;
    ByteRange range{*first, size};
    if (dash + 1 < text.size()) {
        const auto last = number(text.substr(dash + 1));
        if (!last || *last < *first) return std::nullopt;
        range.end = *last < size ? *last + 1 : size;
    }
    return range;
}

std::optional<ContentRange> parse_content_range(std::string_view text) {
    if (!take(text, "bytes ")) return std::nullopt;
    const std::size_t dash = text.find('-');
    const std::size_t slash = text.find('/');
    if (dash == std::string_view::npos || slash == std::string_view::npos || slash < dash)
        return std::nullopt;
    const auto first = number(text.substr(0, dash));
    const auto last = number(text.substr(dash + 1, slash - dash - 1));
    const auto total = number(text.substr(slash + 1));
    if (!first || !last || !total || *first > *last || *last >= *total) return std::nullopt;
    return ContentRange{{*first, *last + 1}, *total};
}

}  // namespace millrace::node::rpc
