#pragma once

#include <array>
#include <boost/describe.hpp>
#include <boost/mp11.hpp>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <variant>

#include "common/bounded.hpp"
#include "common/bytes.hpp"
#include "common/result.hpp"
#include "common/unicode.hpp"
#include "common/units.hpp"

/// The canonical, strict binary codec (docs/protocol/codec.md): fixed little-endian integers,
/// LEB128 lengths in shortest form, every length bounded before allocation, trailing bytes refused.
/// From one Boost.Describe description of each struct; `decode(encode(x)) == x` and
/// `encode(decode(b)) == b`.
namespace millrace {

enum class DecodeError : std::uint8_t {
    truncated = 1,
    trailing_bytes = 2,
    length_not_shortest = 3,
    length_above_bound = 4,
    bad_bool = 5,
    bad_enumerator = 6,
    bad_alternative = 7,
    bad_value = 8,  // a type's own rule
    bad_text = 9,   // not UTF-8
};
BOOST_DESCRIBE_ENUM(DecodeError, truncated, trailing_bytes, length_not_shortest, length_above_bound,
                    bad_bool, bad_enumerator, bad_alternative, bad_value, bad_text)

class Encoder {
  public:
    template <class Integer>
    void integer(Integer value) {
        const std::size_t at = out_.size();
        out_.resize(at + sizeof(Integer));
        store_le(out_.data() + at, static_cast<std::make_unsigned_t<Integer>>(value));
    }
    void length(std::uint64_t value);
    void raw(ByteView bytes) { out_.insert(out_.end(), bytes.begin(), bytes.end()); }
    [[nodiscard]] Bytes take() && { return std::move(out_); }
    [[nodiscard]] ByteView view() const { return out_; }

  private:
    Bytes out_;
};

/// Reads from a buffer; the first failure sticks, and what is read after it is zero.
class Decoder {
  public:
    explicit Decoder(ByteView in) : in_(in) {}

    template <class Integer>
    Integer integer() {
        const ByteView part = raw(sizeof(Integer));
        if (part.empty()) return 0;
        return static_cast<Integer>(load_le<std::make_unsigned_t<Integer>>(part.data()));
    }
    /// A LEB128 length in shortest form, at most `max`; `item_size_min` × length must still be
    /// there, so that a short message cannot claim a large allocation.
    std::uint64_t length(std::uint64_t max, std::uint64_t item_size_min);
    /// The next `size` bytes, or an empty view after a failure.
    ByteView raw(std::size_t size);
    void fail(DecodeError error) {
        if (!error_) error_ = error;
        in_ = {};
    }
    [[nodiscard]] bool failed() const { return error_.has_value(); }
    [[nodiscard]] std::optional<DecodeError> error() const { return error_; }
    [[nodiscard]] std::size_t left() const { return in_.size(); }

  private:
    ByteView in_;
    std::optional<DecodeError> error_;
};

namespace codec_detail {

template <class T>
struct IsUnit : std::false_type {};
template <class Tag, class I>
struct IsUnit<Unit<Tag, I>> : std::true_type {};
template <class T>
struct IsFixedBytes : std::false_type {};
template <std::size_t N, class Tag>
struct IsFixedBytes<FixedBytes<N, Tag>> : std::true_type {};
template <class T>
struct IsBoundedVector : std::false_type {};
template <class T, std::size_t Max>
struct IsBoundedVector<BoundedVector<T, Max>> : std::true_type {};
template <class T>
struct IsVector : std::false_type {};
template <class T>
struct IsVector<std::vector<T>> : std::true_type {};
template <class T>
struct IsBoundedString : std::false_type {};
template <std::size_t Max>
struct IsBoundedString<BoundedString<Max>> : std::true_type {};
template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};
template <class T>
struct IsVariant : std::false_type {};
template <class... Ts>
struct IsVariant<std::variant<Ts...>> : std::true_type {};
template <class T>
struct IsArray : std::false_type {};
template <class T, std::size_t N>
struct IsArray<std::array<T, N>> : std::true_type {};

template <class T>
concept Described = boost::describe::has_describe_members<T>::value && std::is_class_v<T>;
template <class T>
using Members = boost::describe::describe_members<T, boost::describe::mod_public>;

/// A type with its own wire form: `void encode_into(Encoder&) const`, `void decode_from(Decoder&)`.
template <class T>
concept SelfCoded = requires(const T& value, T& target, Encoder& out, Decoder& in) {
    value.encode_into(out);
    target.decode_from(in);
};

template <class E>
bool is_enumerator(std::underlying_type_t<E> value) {
    bool found = false;
    boost::mp11::mp_for_each<boost::describe::describe_enumerators<E>>(
        [&](auto d) { found = found || static_cast<std::underlying_type_t<E>>(d.value) == value; });
    return found;
}

}  // namespace codec_detail

template <class T>
void encode_into(Encoder& out, const T& value) {
    using namespace codec_detail;
    if constexpr (SelfCoded<T>) {
        value.encode_into(out);
    } else if constexpr (std::is_same_v<T, bool>) {
        out.integer(static_cast<std::uint8_t>(value ? 1 : 0));
    } else if constexpr (std::is_enum_v<T>) {
        static_assert(boost::describe::has_describe_enumerators<T>::value);
        out.integer(static_cast<std::underlying_type_t<T>>(value));
    } else if constexpr (std::is_integral_v<T>) {
        out.integer(value);
    } else if constexpr (IsUnit<T>::value) {
        out.integer(value.value);
    } else if constexpr (IsFixedBytes<T>::value) {
        out.raw(value.view());
    } else if constexpr (IsBoundedString<T>::value) {
        MILLRACE_ASSERT(value.size() <= T::kMax);
        out.length(value.size());
        out.raw(as_bytes(value));
    } else if constexpr (IsBoundedVector<T>::value) {
        MILLRACE_ASSERT(value.size() <= T::kMax);
        out.length(value.size());
        if constexpr (std::is_same_v<typename T::value_type, std::uint8_t>) {
            out.raw(ByteView(value.data(), value.size()));
        } else {
            for (const auto& item : value) encode_into(out, item);
        }
    } else if constexpr (IsArray<T>::value) {
        for (const auto& item : value) encode_into(out, item);
    } else if constexpr (IsOptional<T>::value) {
        out.integer(static_cast<std::uint8_t>(value ? 1 : 0));
        if (value) encode_into(out, *value);
    } else if constexpr (IsVariant<T>::value) {
        static_assert(std::variant_size_v<T> <= 255);
        out.integer(static_cast<std::uint8_t>(value.index()));
        std::visit([&](const auto& alternative) { encode_into(out, alternative); }, value);
    } else {
        static_assert(Described<T>, "describe the struct with BOOST_DESCRIBE_STRUCT");
        boost::mp11::mp_for_each<Members<T>>([&](auto d) { encode_into(out, value.*d.pointer); });
    }
}

/// Reads one value; on failure the decoder remembers why and `value` is unspecified but valid.
template <class T>
void decode_into(Decoder& in, T& value) {
    using namespace codec_detail;
    if constexpr (SelfCoded<T>) {
        value.decode_from(in);
    } else if constexpr (std::is_same_v<T, bool>) {
        const auto raw = in.integer<std::uint8_t>();
        if (raw > 1) in.fail(DecodeError::bad_bool);
        value = raw == 1;
    } else if constexpr (std::is_enum_v<T>) {
        const auto raw = in.integer<std::underlying_type_t<T>>();
        if (!in.failed() && !is_enumerator<T>(raw)) in.fail(DecodeError::bad_enumerator);
        if (!in.failed()) value = static_cast<T>(raw);
    } else if constexpr (std::is_integral_v<T>) {
        value = in.integer<T>();
    } else if constexpr (IsUnit<T>::value) {
        value = T{in.integer<typename T::integer_type>()};
    } else if constexpr (IsFixedBytes<T>::value) {
        const ByteView raw = in.raw(T::kSize);
        if (!raw.empty()) std::memcpy(value.bytes.data(), raw.data(), T::kSize);
    } else if constexpr (IsBoundedString<T>::value) {
        const std::uint64_t size = in.length(T::kMax, 1);
        const ByteView raw = in.raw(size);
        // What a peer calls text must be printable as JSON by every node.
        if (!is_utf8(raw)) return in.fail(DecodeError::bad_text);
        value.assign(as_text(raw));
    } else if constexpr (IsBoundedVector<T>::value) {
        const std::uint64_t size = in.length(T::kMax, 1);
        value.clear();
        if constexpr (std::is_same_v<typename T::value_type, std::uint8_t>) {
            const ByteView raw = in.raw(size);
            value.assign(raw.begin(), raw.end());
        } else {
            for (std::uint64_t i = 0; i < size && !in.failed(); ++i)
                decode_into(in, value.emplace_back());
        }
    } else if constexpr (IsArray<T>::value) {
        for (auto& item : value) decode_into(in, item);
    } else if constexpr (IsOptional<T>::value) {
        const auto present = in.integer<std::uint8_t>();
        if (present > 1) in.fail(DecodeError::bad_bool);
        value.reset();
        if (present == 1 && !in.failed()) {
            // Read beside and moved in: g++ 12 at -O2 sees a write past the end in `emplace()`.
            typename T::value_type inner{};
            decode_into(in, inner);
            value = std::move(inner);
        }
    } else if constexpr (IsVariant<T>::value) {
        const auto index = in.integer<std::uint8_t>();
        if (in.failed()) return;
        if (index >= std::variant_size_v<T>) return in.fail(DecodeError::bad_alternative);
        boost::mp11::mp_with_index<std::variant_size_v<T>>(
            index, [&](auto i) { decode_into(in, value.template emplace<decltype(i)::value>()); });
    } else {
        static_assert(Described<T>, "describe the struct with BOOST_DESCRIBE_STRUCT");
        boost::mp11::mp_for_each<Members<T>>([&](auto d) {
            if (!in.failed()) decode_into(in, value.*d.pointer);
        });
    }
}

template <class T>
[[nodiscard]] Bytes encode(const T& value) {
    Encoder out;
    encode_into(out, value);
    return std::move(out).take();
}

/// The value that these bytes, all of them, are the canonical form of.
template <class T>
[[nodiscard]] Result<T, DecodeError> decode(ByteView raw) {
    Decoder in(raw);
    T value{};
    decode_into(in, value);
    if (in.failed()) return Err{*in.error()};
    if (in.left() != 0) return Err{DecodeError::trailing_bytes};
    return value;
}

/// The name of a described enumerator, as users see it.
template <class E>
[[nodiscard]] const char* enum_name(E value) {
    return boost::describe::enum_to_string(value, "unknown");
}

}  // namespace millrace
