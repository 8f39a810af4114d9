#pragma once

#include "common/codec.hpp"
#include "common/rng.hpp"
#include "common/vote.hpp"

/// A value of any described type out of a seed: integers of every width, lists up to a few items.
/// The same on every machine, so that the hash of many encodings is a vector.
namespace millrace::test {

inline constexpr std::uint64_t kItemsMax = 4;

template <class T>
T arbitrary(Rng& rng) {
    using namespace codec_detail;
    T value{};
    if constexpr (std::is_same_v<T, bool>) {
        value = rng.chance(2);
    } else if constexpr (std::is_enum_v<T>) {
        using Rows = boost::describe::describe_enumerators<T>;
        const std::uint64_t pick = rng.below(boost::mp11::mp_size<Rows>::value);
        std::uint64_t at = 0;
        boost::mp11::mp_for_each<Rows>([&](auto d) {
            if (at++ == pick) value = d.value;
        });
    } else if constexpr (std::is_integral_v<T>) {
        // Of every magnitude: small numbers are where rules and lengths live.
        value = static_cast<T>(rng.next() >> rng.below(64));
    } else if constexpr (IsUnit<T>::value) {
        value = T{arbitrary<typename T::integer_type>(rng)};
    } else if constexpr (IsBoundedString<T>::value) {
        const std::uint64_t size = rng.below(std::min<std::uint64_t>(T::kMax, 20) + 1);
        for (std::uint64_t i = 0; i < size; ++i)
            value.push_back(static_cast<char>('a' + rng.below(26)));
    } else if constexpr (IsBoundedVector<T>::value) {
        const std::uint64_t size = rng.below(std::min<std::uint64_t>(T::kMax, kItemsMax) + 1);
        for (std::uint64_t i = 0; i < size; ++i)
            value.push_back(arbitrary<typename T::value_type>(rng));
    } else if constexpr (IsArray<T>::value) {
        for (auto& item : value) item = arbitrary<typename T::value_type>(rng);
    } else if constexpr (IsOptional<T>::value) {
        if (rng.chance(2)) value = arbitrary<typename T::value_type>(rng);
    } else if constexpr (IsVariant<T>::value) {
        boost::mp11::mp_with_index<std::variant_size_v<T>>(
            rng.below(std::variant_size_v<T>), [&](auto i) {
                value = arbitrary<std::variant_alternative_t<decltype(i)::value, T>>(rng);
            });
    } else if constexpr (requires { value.bytes.size(); }) {
        rng.fill(value.bytes);
    } else {
        boost::mp11::mp_for_each<Members<T>>([&](auto d) {
            using M = std::remove_cvref_t<decltype(value.*d.pointer)>;
            value.*d.pointer = arbitrary<M>(rng);
        });
        // What a nullify is about is not on the wire.
        if constexpr (std::is_same_v<T, Subject>)
            if (value.kind == VoteKind::nullify) value.proposal = {};
    }
    return value;
}

}  // namespace millrace::test
