#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <limits>
#include <span>
#include <string>

#include "common/json.hpp"
#include "common/units.hpp"

/// JSON Schema (draft 2020-12) of a described type, from the same description as its codec and its
/// JSON: what `rpc_discover` serves can therefore not drift from what the node sends.
namespace millrace {

namespace json_detail {
boost::json::object integer_schema(std::uint64_t max);
boost::json::object signed_schema(std::int64_t min, std::int64_t max);
boost::json::object hex_schema(std::size_t size_min, std::size_t size_max);
boost::json::object text_schema(std::size_t size_max);
boost::json::object money_schema(const char* unit);
boost::json::object nullable_schema(boost::json::object inner);
boost::json::object plain_schema(const char* type);
boost::json::object described_text_schema(const char* description);
boost::json::object enum_schema(std::span<const char* const> names);
boost::json::object array_schema(boost::json::object items);

/// A member of a struct, or an alternative of a variant.
struct PartSchema {
    const char* name;
    bool is_optional;
    boost::json::object (*schema)();
};
boost::json::object object_schema(std::span<const PartSchema> members);
boost::json::object variant_schema(std::span<const PartSchema> alternatives);

/// What a number counts, where its member's name does not say so.
template <class T>
constexpr const char* unit_of() {
    if (std::is_same_v<T, Height>) return "height of a block";
    if (std::is_same_v<T, Gas>) return "gas";
    if (std::is_same_v<T, WallTime>) return "milliseconds since 1970-01-01T00:00:00Z";
    if (std::is_same_v<T, ActiveTime>) return "milliseconds of active time since genesis";
    return nullptr;
}
}  // namespace json_detail

template <class T>
[[nodiscard]] boost::json::object json_schema();

namespace json_detail {
template <class T, template <class...> class List, class... Ds>
constexpr std::array<PartSchema, sizeof...(Ds)> schemas_of(List<Ds...> /*members*/) {
    return {PartSchema{Ds::name, codec_detail::IsOptional<MemberType<T, Ds>>::value,
                       &json_schema<MemberType<T, Ds>>}...};
}
template <class T>
inline constexpr auto kMemberSchemas = schemas_of<T>(codec_detail::Members<T>{});
template <class V>
inline constexpr std::array<PartSchema, 0> kVariantSchemas{};
template <class... As>
inline constexpr std::array<PartSchema, sizeof...(As)> kVariantSchemas<std::variant<As...>>{
    PartSchema{As::kName, false, &json_schema<As>}...};
template <template <class...> class List, class... Descriptors>
constexpr std::array<const char*, sizeof...(Descriptors)> names_of(List<Descriptors...> /*all*/) {
    return {Descriptors::name...};
}
template <class E>
inline constexpr auto kNames = names_of(boost::describe::describe_enumerators<E>{});
}  // namespace json_detail

/// A type may carry `static boost::json::object json_schema()` of its own.
template <class T>
boost::json::object json_schema() {
    using namespace codec_detail;
    namespace json = boost::json;
    if constexpr (requires { T::json_schema(); }) {
        return T::json_schema();
    } else if constexpr (json_detail::SelfText<T> || json_detail::NetworkText<T>) {
        return json_detail::described_text_schema(T::kTextName);
    } else if constexpr (std::is_same_v<T, bool>) {
        return json_detail::plain_schema("boolean");
    } else if constexpr (std::is_enum_v<T>) {
        return json_detail::enum_schema(json_detail::kNames<T>);
    } else if constexpr (std::is_integral_v<T> && std::is_signed_v<T>) {
        return json_detail::signed_schema(std::numeric_limits<T>::min(),
                                          std::numeric_limits<T>::max());
    } else if constexpr (std::is_integral_v<T>) {
        return json_detail::integer_schema(std::numeric_limits<T>::max());
    } else if constexpr (std::is_same_v<T, Amount>) {
        return json_detail::money_schema("nano-credits");
    } else if constexpr (std::is_same_v<T, Price>) {
        return json_detail::money_schema("nano-credits per Ggas");
    } else if constexpr (IsUnit<T>::value) {
        json::object out =
            json_detail::integer_schema(std::numeric_limits<typename T::integer_type>::max());
        if (const char* unit = json_detail::unit_of<T>()) out["description"] = unit;
        return out;
    } else if constexpr (IsFixedBytes<T>::value) {
        return json_detail::hex_schema(T::kSize, T::kSize);
    } else if constexpr (IsBoundedString<T>::value) {
        return json_detail::text_schema(T::kMax);
    } else if constexpr (std::is_same_v<T, std::string>) {
        return json_detail::plain_schema("string");
    } else if constexpr (IsOptional<T>::value) {
        return json_detail::nullable_schema(json_schema<typename T::value_type>());
    } else if constexpr (IsVariant<T>::value) {
        return json_detail::variant_schema(json_detail::kVariantSchemas<T>);
    } else if constexpr (requires { typename T::value_type; }) {
        if constexpr (std::is_same_v<typename T::value_type, std::uint8_t> &&
                      IsBoundedVector<T>::value) {
            return json_detail::hex_schema(0, T::kMax);
        } else if constexpr (json_detail::IsByteArray<T>::value) {
            return json_detail::hex_schema(std::tuple_size_v<T>, std::tuple_size_v<T>);
        } else {
            json::object out = json_detail::array_schema(json_schema<typename T::value_type>());
            if constexpr (IsBoundedVector<T>::value) out["maxItems"] = T::kMax;
            if constexpr (IsArray<T>::value)
                out["minItems"] = out["maxItems"] = std::tuple_size_v<T>;
            return out;
        }
    } else {
        static_assert(Described<T>, "describe the struct with BOOST_DESCRIBE_STRUCT");
        return json_detail::object_schema(json_detail::kMemberSchemas<T>);
    }
}

}  // namespace millrace
