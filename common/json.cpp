#include "common/json.hpp"

#include <charconv>

namespace millrace::json_detail {

Result<std::uint64_t, JsonError> to_u64(const boost::json::value& in, std::uint64_t max,
                                        const std::string& path) {
    std::uint64_t value = 0;
    if (in.is_uint64()) {
        value = in.get_uint64();
    } else if (in.is_int64()) {
        if (in.get_int64() < 0) return Err{JsonError{path, "must not be negative"}};
        value = static_cast<std::uint64_t>(in.get_int64());
    } else if (in.is_string()) {
        const std::string_view text(in.get_string());
        const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (text.empty() || ec != std::errc{} || end != text.data() + text.size())
            return Err{JsonError{path, "expected a decimal number"}};
    } else {
        return Err{JsonError{path, "expected a whole number"}};
    }
    if (value > max) return Err{JsonError{path, "must be at most " + std::to_string(max)}};
    return value;
}

Result<std::int64_t, JsonError> to_i64(const boost::json::value& in, std::int64_t min,
                                       std::int64_t max, const std::string& path) {
    std::int64_t value = 0;
    if (in.is_int64()) {
        value = in.get_int64();
    } else if (in.is_uint64() && in.get_uint64() <= static_cast<std::uint64_t>(
                                                        std::numeric_limits<std::int64_t>::max())) {
        value = static_cast<std::int64_t>(in.get_uint64());
    } else {
        return Err{JsonError{path, "expected a whole number"}};
    }
    if (value < min || value > max) return Err{JsonError{path, "out of range"}};
    return value;
}

Result<std::string, JsonError> to_text(const boost::json::value& in, const std::string& path) {
    if (!in.is_string()) return Err{JsonError{path, "expected a string"}};
    return std::string(in.get_string());
}

Result<Bytes, JsonError> to_raw(const boost::json::value& in, std::size_t size_min,
                                std::size_t size_max, const std::string& path) {
    if (!in.is_string()) return Err{JsonError{path, "expected a hexadecimal string"}};
    // The bound is checked on the text, before anything is allocated for the bytes.
    if (in.get_string().size() > 2 * size_max)
        return Err{JsonError{path, "longer than " + std::to_string(size_max) + " bytes"}};
    auto raw = from_hex(std::string_view(in.get_string()));
    if (!raw) return Err{JsonError{path, "not hexadecimal"}};
    if (raw->size() < size_min)
        return Err{JsonError{path, "shorter than " + std::to_string(size_min) + " bytes"}};
    return *std::move(raw);
}

}  // namespace millrace::json_detail
