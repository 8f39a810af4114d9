#pragma once

#include <array>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>

#include "common/amount.hpp"
#include "common/codec.hpp"
#include "common/network.hpp"

/// JSON from the same description as the binary codec. Integers are JSON numbers; `Amount` and
/// `Price` are decimal strings of nano-credits (they pass 2^53); fixed bytes are lower-case
/// hexadecimal; enums are their enumerator's name; a variant is an object with "type" first.
/// Unknown members are refused.
namespace millrace {

/// What a text form may depend on beside the value. The RPC layer names its chain's network, so
/// that addresses come out, and are accepted, with that network's prefix only.
struct JsonStyle {
    std::optional<Network> network;
};

/// What did not fit, with the path of the member: `params.limit: expected a decimal string`.
struct JsonError {
    std::string path;
    std::string what;
    [[nodiscard]] std::string sentence() const { return path.empty() ? what : path + ": " + what; }
};

namespace json_detail {

/// Reading: the first failure, and the path from the failing value upwards, which is put together
/// on the way back only.
class Reader {
  public:
    explicit Reader(const JsonStyle& style) : style_(style) {}
    [[nodiscard]] const JsonStyle& style() const { return style_; }
    /// These two return false, so that a failing read ends with `return reader.fail(...)`.
    bool fail(std::string what);
    bool within(std::string_view step);
    [[nodiscard]] JsonError error(const std::string& path) const;

  private:
    const JsonStyle& style_;
    JsonError error_;
};

bool read_u64(const boost::json::value& in, std::uint64_t max, std::uint64_t& out, Reader& reader);
bool read_i64(const boost::json::value& in, std::int64_t min, std::int64_t max, std::int64_t& out,
              Reader& reader);
bool read_bool(const boost::json::value& in, bool& out, Reader& reader);
bool read_text(const boost::json::value& in, std::size_t size_max, std::string& out,
               Reader& reader);
bool read_bytes(const boost::json::value& in, std::size_t size_min, std::size_t size_max,
                Bytes& out, Reader& reader);
/// The array's items, where there are as many as allowed; else null.
const boost::json::array* read_array(const boost::json::value& in, std::size_t size_max,
                                     Reader& reader);
/// Names the item whose reading failed.
bool within_item(std::size_t index, Reader& reader);

[[nodiscard]] boost::json::value text_value(std::string_view text);
[[nodiscard]] boost::json::value hex_value(ByteView raw);
[[nodiscard]] boost::json::value money_value(std::uint64_t value);

// A described struct and a variant are tables of functions, one for each member or alternative: the
// walk over them is compiled once, not once for every type. Who only writes a type does not compile
// its reading.
using Write = boost::json::value (*)(const void* object, const JsonStyle& style);
using Read = bool (*)(const boost::json::value& in, void* object, Reader& reader);
struct MemberWriter {
    const char* name;
    Write write;
};
struct MemberReader {
    const char* name;
    bool is_optional;
    Read read;
};
[[nodiscard]] boost::json::value write_object(const void* object,
                                              std::span<const MemberWriter> members,
                                              const JsonStyle& style);
bool read_object(const boost::json::value& in, void* object, std::span<const MemberReader> members,
                 Reader& reader);
/// The alternative that is held; a reader of a variant makes the one that it is named for.
[[nodiscard]] boost::json::value write_variant(const void* variant, const MemberWriter& held,
                                               const JsonStyle& style);
bool read_variant(const boost::json::value& in, void* variant,
                  std::span<const MemberReader> alternatives, Reader& reader);

template <class T>
inline constexpr bool kIsMoney = std::is_same_v<T, Amount> || std::is_same_v<T, Price>;

/// Bytes are hexadecimal in whatever they are kept.
template <class T>
struct IsByteArray : std::false_type {};
template <std::size_t N>
struct IsByteArray<std::array<std::uint8_t, N>> : std::true_type {};

/// A type with its own JSON form: `json_text()` and static `from_json_text(string_view)` ->
/// optional.
template <class T>
concept SelfText = requires(const T& value) {
    { value.json_text() } -> std::convertible_to<std::string>;
    { T::from_json_text(std::string_view{}) } -> std::same_as<std::optional<T>>;
};
/// The same for a text that depends on the network; a refusal comes with its sentence.
template <class T>
concept NetworkText = requires(const T& value, std::optional<Network> network) {
    { value.json_text(network) } -> std::convertible_to<std::string>;
    { T::from_json_text(std::string_view{}, network) } -> std::same_as<Result<T, std::string>>;
};

template <class T>
[[nodiscard]] boost::json::value write(const T& value, const JsonStyle& style);
template <class T>
bool read(const boost::json::value& in, T& out, Reader& reader);

template <class T, class Descriptor>
using MemberType = std::remove_cvref_t<decltype(std::declval<T&>().*Descriptor::pointer)>;
template <class T, class D>
[[nodiscard]] boost::json::value write_member(const void* object, const JsonStyle& style) {
    return write(static_cast<const T*>(object)->*D::pointer, style);
}
template <class T, class D>
bool read_member(const boost::json::value& in, void* object, Reader& reader) {
    return read(in, static_cast<T*>(object)->*D::pointer, reader);
}
template <class T, template <class...> class List, class... Ds>
constexpr std::array<MemberWriter, sizeof...(Ds)> writers_of(List<Ds...> /*members*/) {
    return {MemberWriter{Ds::name, &write_member<T, Ds>}...};
}
template <class T, template <class...> class List, class... Ds>
constexpr std::array<MemberReader, sizeof...(Ds)> readers_of(List<Ds...> /*members*/) {
    return {MemberReader{Ds::name, codec_detail::IsOptional<MemberType<T, Ds>>::value,
                         &read_member<T, Ds>}...};
}
template <class T>
inline constexpr auto kWriters = writers_of<T>(codec_detail::Members<T>{});
template <class T>
inline constexpr auto kReaders = readers_of<T>(codec_detail::Members<T>{});

template <class Variant, class A>
[[nodiscard]] boost::json::value write_alternative(const void* variant, const JsonStyle& style) {
    return write(*std::get_if<A>(static_cast<const Variant*>(variant)), style);
}
template <class Variant, class A>
bool read_alternative(const boost::json::value& in, void* variant, Reader& reader) {
    return read(in, static_cast<Variant*>(variant)->template emplace<A>(), reader);
}
/// Alternatives of a variant have a `static constexpr const char* kName` for their "type".
template <class V>
inline constexpr std::array<MemberWriter, 0> kAlternativeWriters{};
template <class... As>
inline constexpr std::array<MemberWriter, sizeof...(As)> kAlternativeWriters<std::variant<As...>>{
    MemberWriter{As::kName, &write_alternative<std::variant<As...>, As>}...};
template <class V>
inline constexpr std::array<MemberReader, 0> kAlternativeReaders{};
template <class... As>
inline constexpr std::array<MemberReader, sizeof...(As)> kAlternativeReaders<std::variant<As...>>{
    MemberReader{As::kName, false, &read_alternative<std::variant<As...>, As>}...};

template <class T>
boost::json::value write(const T& value, const JsonStyle& style) {
    using namespace codec_detail;
    if constexpr (SelfText<T>) {
        return text_value(value.json_text());
    } else if constexpr (NetworkText<T>) {
        return text_value(value.json_text(style.network));
    } else if constexpr (std::is_enum_v<T>) {
        return text_value(enum_name(value));
    } else if constexpr (std::is_same_v<T, bool> || std::is_integral_v<T>) {
        return boost::json::value(value);
    } else if constexpr (kIsMoney<T>) {
        return money_value(value.value);
    } else if constexpr (IsUnit<T>::value) {
        return boost::json::value(value.value);
    } else if constexpr (IsFixedBytes<T>::value) {
        return hex_value(value.view());
    } else if constexpr (IsBoundedString<T>::value || std::is_same_v<T, std::string>) {
        return text_value(value);
    } else if constexpr (IsOptional<T>::value) {
        return value ? write(*value, style) : boost::json::value(nullptr);
    } else if constexpr (IsVariant<T>::value) {
        return write_variant(&value, kAlternativeWriters<T>.at(value.index()), style);
    } else if constexpr (requires {
                             typename T::value_type;
                             value.begin();
                         }) {
        if constexpr (std::is_same_v<typename T::value_type, std::uint8_t>) {
            return hex_value(ByteView(value.data(), value.size()));
        } else {
            boost::json::array out;
            for (const auto& item : value) out.push_back(write(item, style));
            return boost::json::value(std::move(out));
        }
    } else {
        static_assert(Described<T>, "describe the struct with BOOST_DESCRIBE_STRUCT");
        return write_object(&value, kWriters<T>, style);
    }
}

template <class T>
bool read(const boost::json::value& in, T& out, Reader& reader) {
    using namespace codec_detail;
    if constexpr (SelfText<T>) {
        std::string text;
        if (!read_text(in, SIZE_MAX, text, reader)) return false;
        std::optional<T> value = T::from_json_text(text);
        if (!value) return reader.fail("not a valid " + std::string(T::kTextName));
        out = *std::move(value);
    } else if constexpr (NetworkText<T>) {
        std::string text;
        if (!read_text(in, SIZE_MAX, text, reader)) return false;
        auto value = T::from_json_text(text, reader.style().network);
        if (!value.has_value()) return reader.fail(value.error());
        out = *std::move(value);
    } else if constexpr (std::is_same_v<T, bool>) {
        return read_bool(in, out, reader);
    } else if constexpr (std::is_enum_v<T>) {
        std::string text;
        if (!read_text(in, SIZE_MAX, text, reader)) return false;
        if (!boost::describe::enum_from_string(text.c_str(), out))
            return reader.fail("unknown name \"" + text + "\"");
    } else if constexpr (std::is_integral_v<T> && std::is_signed_v<T>) {
        std::int64_t value = 0;
        if (!read_i64(in, std::numeric_limits<T>::min(), std::numeric_limits<T>::max(), value,
                      reader))
            return false;
        out = static_cast<T>(value);
    } else if constexpr (std::is_integral_v<T>) {
        std::uint64_t value = 0;
        if (!read_u64(in, std::numeric_limits<T>::max(), value, reader)) return false;
        out = static_cast<T>(value);
    } else if constexpr (IsUnit<T>::value) {
        return read(in, out.value, reader);
    } else if constexpr (IsFixedBytes<T>::value) {
        Bytes raw;
        if (!read_bytes(in, T::kSize, T::kSize, raw, reader)) return false;
        out = *T::from(raw);
    } else if constexpr (IsBoundedString<T>::value) {
        return read_text(in, T::kMax, out, reader);
    } else if constexpr (std::is_same_v<T, std::string>) {
        return read_text(in, SIZE_MAX, out, reader);
    } else if constexpr (IsOptional<T>::value) {
        out.reset();
        if (in.is_null()) return true;
        typename T::value_type inner{};
        if (!read(in, inner, reader)) return false;
        out = std::move(inner);
    } else if constexpr (IsVariant<T>::value) {
        return read_variant(in, &out, kAlternativeReaders<T>, reader);
    } else if constexpr (IsByteArray<T>::value) {
        Bytes raw;
        if (!read_bytes(in, out.size(), out.size(), raw, reader)) return false;
        std::memcpy(out.data(), raw.data(), raw.size());
    } else if constexpr (IsArray<T>::value) {
        if (!in.is_array() || in.get_array().size() != out.size())
            return reader.fail("expected an array of " + std::to_string(out.size()) + " items");
        for (std::size_t i = 0; i < out.size(); ++i)
            if (!read(in.get_array()[i], out[i], reader)) return within_item(i, reader);
    } else if constexpr (IsBoundedVector<T>::value || IsVector<T>::value) {
        // One without a bound is for readers of answers; what comes from outside has a bound in its
        // type.
        std::size_t size_max = SIZE_MAX;
        if constexpr (IsBoundedVector<T>::value) size_max = T::kMax;
        if constexpr (IsBoundedVector<T>::value &&
                      std::is_same_v<typename T::value_type, std::uint8_t>) {
            return read_bytes(in, 0, size_max, out, reader);
        } else {
            const boost::json::array* items = read_array(in, size_max, reader);
            if (items == nullptr) return false;
            out.clear();
            for (std::size_t i = 0; i < items->size(); ++i) {
                typename T::value_type item{};
                if (!read((*items)[i], item, reader)) return within_item(i, reader);
                out.push_back(std::move(item));
            }
        }
    } else {
        static_assert(Described<T>, "describe the struct with BOOST_DESCRIBE_STRUCT");
        return read_object(in, &out, kReaders<T>, reader);
    }
    return true;
}

}  // namespace json_detail

template <class T>
[[nodiscard]] boost::json::value to_json(const T& value, const JsonStyle& style = {}) {
    return json_detail::write(value, style);
}

/// `path`: where `in` stands in what the sender wrote; errors name it.
template <class T>
[[nodiscard]] Result<T, JsonError> from_json(const boost::json::value& in,
                                             const std::string& path = "",
                                             const JsonStyle& style = {}) {
    json_detail::Reader reader(style);
    T value{};
    if (!json_detail::read(in, value, reader)) return Err{reader.error(path)};
    return value;
}

}  // namespace millrace
