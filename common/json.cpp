#include "common/json.hpp"

#include <algorithm>
#include <charconv>

namespace millrace::json_detail {

bool Reader::fail(std::string what) {
    error_.what = std::move(what);
    return false;
}

bool Reader::within(std::string_view step) {
    std::string path(step);
    if (!error_.path.empty() && error_.path.front() != '[') path += '.';
    error_.path = path + error_.path;
    return false;
}

JsonError Reader::error(const std::string& path) const {
    JsonError out = error_;
    if (path.empty()) return out;
    out.path = path;
    if (!error_.path.empty() && error_.path.front() != '[') out.path += '.';
    out.path += error_.path;
    return out;
}

bool within_item(std::size_t index, Reader& reader) {
    return reader.within("[" + std::to_string(index) + "]");
}

bool read_u64(const boost::json::value& in, std::uint64_t max, std::uint64_t& out, Reader& reader) {
    std::uint64_t value = 0;
    if (in.is_uint64()) {
        value = in.get_uint64();
    } else if (in.is_int64()) {
        if (in.get_int64() < 0) return reader.fail("must not be negative");
        value = static_cast<std::uint64_t>(in.get_int64());
    } else if (in.is_string()) {
        const std::string_view text(in.get_string());
        const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (text.empty() || ec != std::errc{} || end != text.data() + text.size())
            return reader.fail("expected a decimal number");
    } else {
        return reader.fail("expected a whole number");
    }
    if (value > max) return reader.fail("must be at most " + std::to_string(max));
    out = value;
    return true;
}

bool read_i64(const boost::json::value& in, std::int64_t min, std::int64_t max, std::int64_t& out,
              Reader& reader) {
    std::int64_t value = 0;
    if (in.is_int64()) {
        value = in.get_int64();
    } else if (in.is_uint64() && in.get_uint64() <= static_cast<std::uint64_t>(
                                                        std::numeric_limits<std::int64_t>::max())) {
        value = static_cast<std::int64_t>(in.get_uint64());
    } else {
        return reader.fail("expected a whole number");
    }
    if (value < min || value > max) return reader.fail("out of range");
    out = value;
    return true;
}

bool read_bool(const boost::json::value& in, bool& out, Reader& reader) {
    if (!in.is_bool()) return reader.fail("expected true or false");
    out = in.get_bool();
    return true;
}

bool read_text(const boost::json::value& in, std::size_t size_max, std::string& out,
               Reader& reader) {
    if (!in.is_string()) return reader.fail("expected a string");
    const std::string_view text(in.get_string());
    if (text.size() > size_max)
        return reader.fail("longer than " + std::to_string(size_max) + " bytes");
    out.assign(text);
    return true;
}

bool read_bytes(const boost::json::value& in, std::size_t size_min, std::size_t size_max,
                Bytes& out, Reader& reader) {
    if (!in.is_string()) return reader.fail("expected a hexadecimal string");
    // The bound is checked on the text, before anything is allocated for the bytes.
    if (in.get_string().size() > 2 * size_max)
        return reader.fail("longer than " + std::to_string(size_max) + " bytes");
    auto raw = from_hex(std::string_view(in.get_string()));
    if (!raw) return reader.fail("not hexadecimal");
    if (raw->size() < size_min)
        return reader.fail("shorter than " + std::to_string(size_min) + " bytes");
    out = *std::move(raw);
    return true;
}

const boost::json::array* read_array(const boost::json::value& in, std::size_t size_max,
                                     Reader& reader) {
    if (!in.is_array()) {
        reader.fail("expected an array");
        return nullptr;
    }
    if (in.get_array().size() > size_max) {
        reader.fail("more than " + std::to_string(size_max) + " items");
        return nullptr;
    }
    return &in.get_array();
}

boost::json::value text_value(std::string_view text) {
    return boost::json::value(boost::json::string_view(text.data(), text.size()));
}

boost::json::value hex_value(ByteView raw) {
    return text_value(to_hex(raw));
}

boost::json::value money_value(std::uint64_t value) {
    return text_value(std::to_string(value));
}

boost::json::value write_object(const void* object, std::span<const MemberWriter> members,
                                const JsonStyle& style) {
    boost::json::object out;
    out.reserve(members.size());
    for (const MemberWriter& member : members) out[member.name] = member.write(object, style);
    return boost::json::value(std::move(out));
}

bool read_object(const boost::json::value& in, void* object, std::span<const MemberReader> members,
                 Reader& reader) {
    if (!in.is_object()) return reader.fail("expected an object");
    const boost::json::object& fields = in.get_object();
    std::size_t used = 0;
    for (const MemberReader& member : members) {
        const boost::json::value* field = fields.if_contains(member.name);
        if (field == nullptr) {
            // What may be absent is optional; everything else is named as missing.
            if (member.is_optional) continue;
            reader.fail("missing");
            return reader.within(member.name);
        }
        ++used;
        if (!member.read(*field, object, reader)) return reader.within(member.name);
    }
    if (used == fields.size()) return true;
    for (const auto& [key, ignored] : fields) {
        const std::string_view name(key);
        if (std::ranges::any_of(members, [&](const MemberReader& m) { return name == m.name; }))
            continue;
        reader.fail("unknown member");
        return reader.within(name);
    }
    return true;
}

boost::json::value write_variant(const void* variant, const MemberWriter& held,
                                 const JsonStyle& style) {
    boost::json::object out;
    out["type"] = held.name;
    const boost::json::value inner = held.write(variant, style);
    for (const auto& [key, member] : inner.as_object()) out[key] = member;
    return boost::json::value(std::move(out));
}

bool read_variant(const boost::json::value& in, void* variant,
                  std::span<const MemberReader> alternatives, Reader& reader) {
    const boost::json::value* type = in.is_object() ? in.get_object().if_contains("type") : nullptr;
    if (type == nullptr || !type->is_string())
        return reader.fail("expected an object with a \"type\"");
    const std::string name(type->get_string());
    for (const MemberReader& alternative : alternatives) {
        if (name != alternative.name) continue;
        boost::json::object rest = in.get_object();
        rest.erase("type");
        return alternative.read(boost::json::value(std::move(rest)), variant, reader);
    }
    return reader.fail("unknown type \"" + name + "\"");
}

}  // namespace millrace::json_detail
