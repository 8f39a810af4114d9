#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <limits>
#include <string>

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
[[nodiscard]] Result<std::uint64_t, JsonError> to_u64(const boost::json::value& in,
                                                      std::uint64_t max, const std::string& path);
[[nodiscard]] Result<std::int64_t, JsonError> to_i64(const boost::json::value& in, std::int64_t min,
                                                     std::int64_t max, const std::string& path);
[[nodiscard]] Result<std::string, JsonError> to_text(const boost::json::value& in,
                                                     const std::string& path);
[[nodiscard]] Result<Bytes, JsonError> to_raw(const boost::json::value& in, std::size_t size_min,
                                              std::size_t size_max, const std::string& path);
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
}  // namespace json_detail

/// Alternatives of a variant have a `static constexpr const char* kName` for their "type".
template <class T>
[[nodiscard]] boost::json::value to_json(const T& value, const JsonStyle& style = {}) {
    using namespace codec_detail;
    if constexpr (json_detail::SelfText<T>) {
        return boost::json::value(std::string(value.json_text()));
    } else if constexpr (json_detail::NetworkText<T>) {
        return boost::json::value(std::string(value.json_text(style.network)));
    } else if constexpr (std::is_same_v<T, bool>) {
        return boost::json::value(value);
    } else if constexpr (std::is_enum_v<T>) {
        return boost::json::value(enum_name(value));
    } else if constexpr (std::is_integral_v<T>) {
        return boost::json::value(value);
    } else if constexpr (json_detail::kIsMoney<T>) {
        return boost::json::value(std::to_string(value.value));
    } else if constexpr (IsUnit<T>::value) {
        return boost::json::value(value.value);
    } else if constexpr (IsFixedBytes<T>::value) {
        return boost::json::value(to_hex(value.view()));
    } else if constexpr (IsBoundedString<T>::value || std::is_same_v<T, std::string>) {
        return boost::json::value(static_cast<const std::string&>(value));
    } else if constexpr (IsOptional<T>::value) {
        return value ? to_json(*value, style) : boost::json::value(nullptr);
    } else if constexpr (IsVariant<T>::value) {
        return std::visit(
            [&](const auto& alternative) {
                using A = std::remove_cvref_t<decltype(alternative)>;
                boost::json::object out;
                out["type"] = A::kName;
                const boost::json::value inner = to_json(alternative, style);
                for (const auto& [key, member] : inner.as_object()) out[key] = member;
                return boost::json::value(std::move(out));
            },
            value);
    } else if constexpr (requires {
                             typename T::value_type;
                             value.begin();
                         }) {
        if constexpr (std::is_same_v<typename T::value_type, std::uint8_t>) {
            return boost::json::value(to_hex(ByteView(value.data(), value.size())));
        } else {
            boost::json::array out;
            for (const auto& item : value) out.push_back(to_json(item, style));
            return boost::json::value(std::move(out));
        }
    } else {
        static_assert(Described<T>, "describe the struct with BOOST_DESCRIBE_STRUCT");
        boost::json::object out;
        boost::mp11::mp_for_each<Members<T>>(
            [&](auto d) { out[d.name] = to_json(value.*d.pointer, style); });
        return boost::json::value(std::move(out));
    }
}

template <class T>
[[nodiscard]] Result<T, JsonError> from_json(const boost::json::value& in,
                                             const std::string& path = "",
                                             const JsonStyle& style = {}) {
    using namespace codec_detail;
    const auto sub = [&](std::string_view name) {
        return path.empty() ? std::string(name) : path + "." + std::string(name);
    };
    if constexpr (json_detail::SelfText<T>) {
        MILLRACE_TRY(const std::string text, json_detail::to_text(in, path));
        const std::optional<T> value = T::from_json_text(text);
        if (!value) return Err{JsonError{path, "not a valid " + std::string(T::kTextName)}};
        return *value;
    } else if constexpr (json_detail::NetworkText<T>) {
        MILLRACE_TRY(const std::string text, json_detail::to_text(in, path));
        auto value = T::from_json_text(text, style.network);
        if (!value.has_value()) return Err{JsonError{path, value.error()}};
        return *std::move(value);
    } else if constexpr (std::is_same_v<T, bool>) {
        if (!in.is_bool()) return Err{JsonError{path, "expected true or false"}};
        return in.get_bool();
    } else if constexpr (std::is_enum_v<T>) {
        MILLRACE_TRY(const std::string text, json_detail::to_text(in, path));
        T value{};
        if (!boost::describe::enum_from_string(text.c_str(), value))
            return Err{JsonError{path, "unknown name \"" + text + "\""}};
        return value;
    } else if constexpr (std::is_integral_v<T> && std::is_signed_v<T>) {
        MILLRACE_TRY(const std::int64_t value,
                     json_detail::to_i64(in, std::numeric_limits<T>::min(),
                                         std::numeric_limits<T>::max(), path));
        return static_cast<T>(value);
    } else if constexpr (std::is_integral_v<T>) {
        MILLRACE_TRY(const std::uint64_t value,
                     json_detail::to_u64(in, std::numeric_limits<T>::max(), path));
        return static_cast<T>(value);
    } else if constexpr (IsUnit<T>::value) {
        using I = typename T::integer_type;
        MILLRACE_TRY(const std::uint64_t value,
                     json_detail::to_u64(in, std::numeric_limits<I>::max(), path));
        return T{static_cast<I>(value)};
    } else if constexpr (IsFixedBytes<T>::value) {
        MILLRACE_TRY(const Bytes raw, json_detail::to_raw(in, T::kSize, T::kSize, path));
        return *T::from(raw);
    } else if constexpr (IsBoundedString<T>::value) {
        MILLRACE_TRY(std::string text, json_detail::to_text(in, path));
        if (text.size() > T::kMax)
            return Err{JsonError{path, "longer than " + std::to_string(T::kMax) + " bytes"}};
        return T(std::move(text));
    } else if constexpr (std::is_same_v<T, std::string>) {
        return json_detail::to_text(in, path);
    } else if constexpr (IsOptional<T>::value) {
        if (in.is_null()) return T{};
        MILLRACE_TRY(auto inner, (from_json<typename T::value_type>(in, path, style)));
        return T{std::move(inner)};
    } else if constexpr (IsVariant<T>::value) {
        if (!in.is_object() || !in.get_object().contains("type") ||
            !in.get_object().at("type").is_string())
            return Err{JsonError{path, "expected an object with a \"type\""}};
        boost::json::object rest = in.get_object();
        const std::string type(rest.at("type").get_string());
        rest.erase("type");
        std::optional<Result<T, JsonError>> out;
        boost::mp11::mp_for_each<boost::mp11::mp_iota_c<std::variant_size_v<T>>>([&](auto i) {
            using A = std::variant_alternative_t<decltype(i)::value, T>;
            if (out || type != A::kName) return;
            auto inner = from_json<A>(boost::json::value(rest), path, style);
            if (inner.has_value())
                out.emplace(T(std::move(*inner)));
            else
                out.emplace(Err{inner.error()});
        });
        if (!out) return Err{JsonError{path, "unknown type \"" + type + "\""}};
        return *std::move(out);
    } else if constexpr (IsBoundedVector<T>::value) {
        if constexpr (std::is_same_v<typename T::value_type, std::uint8_t>) {
            MILLRACE_TRY(Bytes raw, json_detail::to_raw(in, 0, T::kMax, path));
            return T(std::move(raw));
        } else {
            if (!in.is_array()) return Err{JsonError{path, "expected an array"}};
            if (in.get_array().size() > T::kMax)
                return Err{JsonError{path, "more than " + std::to_string(T::kMax) + " items"}};
            T out;
            for (std::size_t i = 0; i < in.get_array().size(); ++i) {
                MILLRACE_TRY(auto item,
                             (from_json<typename T::value_type>(
                                 in.get_array()[i], path + "[" + std::to_string(i) + "]", style)));
                out.push_back(std::move(item));
            }
            return out;
        }
    } else if constexpr (json_detail::IsByteArray<T>::value) {
        constexpr std::size_t kSize = std::tuple_size_v<T>;
        MILLRACE_TRY(const Bytes raw, json_detail::to_raw(in, kSize, kSize, path));
        T out{};
        std::memcpy(out.data(), raw.data(), kSize);
        return out;
    } else if constexpr (IsVector<T>::value) {
        // For readers of answers; what comes from outside has a bound in its type.
        if (!in.is_array()) return Err{JsonError{path, "expected an array"}};
        T out;
        for (std::size_t i = 0; i < in.get_array().size(); ++i) {
            MILLRACE_TRY(auto item,
                         (from_json<typename T::value_type>(
                             in.get_array()[i], path + "[" + std::to_string(i) + "]", style)));
            out.push_back(std::move(item));
        }
        return out;
    } else if constexpr (IsArray<T>::value) {
        if (!in.is_array() || in.get_array().size() != std::tuple_size_v<T>)
            return Err{JsonError{
                path, "expected an array of " + std::to_string(std::tuple_size_v<T>) + " items"}};
        T out{};
        for (std::size_t i = 0; i < out.size(); ++i) {
            MILLRACE_TRY(out[i],
                         (from_json<typename T::value_type>(
                             in.get_array()[i], path + "[" + std::to_string(i) + "]", style)));
        }
        return out;
    } else {
        static_assert(Described<T>, "describe the struct with BOOST_DESCRIBE_STRUCT");
        if (!in.is_object()) return Err{JsonError{path, "expected an object"}};
        T out{};
        std::size_t used = 0;
        std::optional<JsonError> error;
        boost::mp11::mp_for_each<Members<T>>([&](auto d) {
            if (error) return;
            using M = std::remove_cvref_t<decltype(out.*d.pointer)>;
            const boost::json::value* member = in.get_object().if_contains(d.name);
            if (member == nullptr) {
                // What may be absent is optional; everything else is named as missing.
                if constexpr (!IsOptional<M>::value) error = JsonError{sub(d.name), "missing"};
                return;
            }
            ++used;
            auto value = from_json<M>(*member, sub(d.name), style);
            if (value.has_value())
                out.*d.pointer = std::move(*value);
            else
                error = value.error();
        });
        if (error) return Err{*error};
        if (used != in.get_object().size()) {
            for (const auto& [key, ignored] : in.get_object()) {
                bool known = false;
                boost::mp11::mp_for_each<Members<T>>(
                    [&, k = std::string_view(key)](auto d) { known = known || k == d.name; });
                if (!known) return Err{JsonError{sub(key), "unknown member"}};
            }
        }
        return out;
    }
}

}  // namespace millrace
