// Committed hashes of generated encodings: what a second implementation, another compiler or an
// innocent-looking change of the codec must reproduce.
#include <doctest/doctest.h>

#include "common/address.hpp"
#include "common/codec.hpp"
#include "common/hash.hpp"
#include "common/json.hpp"
#include "common/rng.hpp"
#include "tests/support/golden.hpp"

namespace millrace {
namespace {

enum class Sort : std::uint8_t { first = 1, second = 2, ninth = 9 };
BOOST_DESCRIBE_ENUM(Sort, first, second, ninth)
enum class WideSort : std::uint16_t { low = 3, high = 0xabcd };
BOOST_DESCRIBE_ENUM(WideSort, low, high)

struct Pair {
    static constexpr const char* kName = "pair";
    std::uint32_t a = 0;
    std::uint16_t b = 0;
};
BOOST_DESCRIBE_STRUCT(Pair, (), (a, b))
struct Payment {
    static constexpr const char* kName = "payment";
    Address to;
    Amount amount;
};
BOOST_DESCRIBE_STRUCT(Payment, (), (to, amount))
struct Empty {
    static constexpr const char* kName = "empty";
};
BOOST_DESCRIBE_STRUCT(Empty, (), ())
using Choice = std::variant<Pair, Payment, Empty>;

struct Everything {
    bool flag = false;
    std::uint8_t u8 = 0;
    std::uint64_t u64 = 0;
    std::int32_t i32 = 0;
    Sort sort = Sort::first;
    Height height;
    Price price;
    Hash hash;
    BoundedString<20> name;
    BoundedBytes<300> raw;
    BoundedVector<Choice, 5> choices;
    std::optional<Payment> maybe;
    std::array<Pair, 2> pairs;
};
BOOST_DESCRIBE_STRUCT(Everything, (),
                      (flag, u8, u64, i32, sort, height, price, hash, name, raw, choices, maybe,
                       pairs))

/// Values for any type of the codec. Integers: a random number of low bits, so that small values,
/// large ones and the edges all occur.
template <class T>
T draw(Rng& rng) {
    using namespace codec_detail;
    if constexpr (std::is_same_v<T, bool>) {
        return rng.chance(2);
    } else if constexpr (std::is_enum_v<T>) {
        constexpr std::size_t kCount =
            boost::mp11::mp_size<boost::describe::describe_enumerators<T>>::value;
        const std::uint64_t pick = rng.below(kCount);
        T out{};
        std::uint64_t i = 0;
        boost::mp11::mp_for_each<boost::describe::describe_enumerators<T>>([&](auto d) {
            if (i++ == pick) out = d.value;
        });
        return out;
    } else if constexpr (std::is_integral_v<T>) {
        const std::uint64_t bits = rng.below(8 * sizeof(T) + 1);
        const std::uint64_t raw = rng.next();
        return static_cast<T>(bits == 0 ? 0 : raw >> (64 - bits));
    } else if constexpr (IsUnit<T>::value) {
        return T{draw<typename T::integer_type>(rng)};
    } else if constexpr (IsFixedBytes<T>::value || std::is_same_v<T, Address>) {
        T out;
        rng.fill(out.bytes);
        return out;
    } else if constexpr (IsBoundedString<T>::value) {
        T out;
        const std::uint64_t size = rng.below(T::kMax + 1);
        for (std::uint64_t i = 0; i < size; ++i)
            out.push_back(static_cast<char>('a' + rng.below(26)));
        return out;
    } else if constexpr (IsBoundedVector<T>::value) {
        T out;
        const std::uint64_t size = rng.below(T::kMax + 1);
        for (std::uint64_t i = 0; i < size; ++i) out.push_back(draw<typename T::value_type>(rng));
        return out;
    } else if constexpr (IsArray<T>::value) {
        T out{};
        for (auto& item : out) item = draw<typename T::value_type>(rng);
        return out;
    } else if constexpr (IsOptional<T>::value) {
        if (rng.chance(2)) return std::nullopt;
        return draw<typename T::value_type>(rng);
    } else if constexpr (IsVariant<T>::value) {
        const std::uint64_t pick = rng.below(std::variant_size_v<T>);
        return boost::mp11::mp_with_index<std::variant_size_v<T>>(pick, [&](auto i) {
            return T(draw<std::variant_alternative_t<decltype(i)::value, T>>(rng));
        });
    } else {
        T out{};
        boost::mp11::mp_for_each<Members<T>>([&](auto d) {
            using M = std::remove_cvref_t<decltype(out.*d.pointer)>;
            out.*d.pointer = draw<M>(rng);
        });
        return out;
    }
}

template <class T>
void check_type(test::Golden& golden, const std::string& name) {
    constexpr int kValues = 1000;
    constexpr int kExamples = 3;
    CAPTURE(name);
    Rng rng(2026);
    Hasher all("mill/test-golden");
    for (int i = 0; i < kValues; ++i) {
        CAPTURE(i);
        const T value = draw<T>(rng);
        const Bytes raw = encode(value);
        all.update(raw);
        const auto back = decode<T>(raw);
        REQUIRE(back.has_value());
        CHECK(encode(*back) == raw);
        const auto from_text = from_json<T>(to_json(value));
        REQUIRE(from_text.has_value());
        CHECK(encode(*from_text) == raw);
        if (i < kExamples)
            golden.check(
                name + "/" + std::to_string(i),
                (raw.empty() ? "-" : to_hex(raw)) + " " + boost::json::serialize(to_json(value)));
    }
    golden.check(name, to_hex(all.finish().view()));
}

/// Flips, cuts and lengthens encodings: whatever still decodes must be the canonical form of what
/// it decodes to, or two byte strings would be one transaction.
template <class T>
void check_canonical(std::uint64_t seed) {
    CAPTURE(seed);
    Rng rng(seed);
    for (int i = 0; i < 3000; ++i) {
        Bytes raw = encode(draw<T>(rng));
        const std::uint64_t changes = rng.between(1, 3);
        for (std::uint64_t c = 0; c < changes; ++c) {
            const std::uint64_t kind = rng.below(4);
            if (kind == 0 && !raw.empty()) raw.resize(rng.below(raw.size()));
            if (kind == 1) raw.push_back(static_cast<std::uint8_t>(rng.below(3)));
            if (kind >= 2 && !raw.empty())
                raw[rng.below(raw.size())] = static_cast<std::uint8_t>(rng.next());
        }
        const auto decoded = decode<T>(raw);
        if (decoded.has_value()) CHECK(encode(*decoded) == raw);
    }
}

}  // namespace

TEST_SUITE("golden/codec") {
    TEST_CASE("generated encodings of every kind of type have the committed hashes") {
        test::Golden golden("codec.txt");
        check_type<bool>(golden, "bool");
        check_type<std::uint8_t>(golden, "u8");
        check_type<std::uint16_t>(golden, "u16");
        check_type<std::uint32_t>(golden, "u32");
        check_type<std::uint64_t>(golden, "u64");
        check_type<std::int8_t>(golden, "i8");
        check_type<std::int32_t>(golden, "i32");
        check_type<std::int64_t>(golden, "i64");
        check_type<Sort>(golden, "enum8");
        check_type<WideSort>(golden, "enum16");
        check_type<Gas>(golden, "unit");
        check_type<Amount>(golden, "amount");
        check_type<Hash>(golden, "fixed_bytes");
        check_type<Address>(golden, "address");
        check_type<BoundedString<200>>(golden, "string");
        check_type<BoundedBytes<200>>(golden, "bytes");
        check_type<BoundedVector<std::uint16_t, 9>>(golden, "list");
        check_type<std::array<std::uint16_t, 4>>(golden, "array");
        check_type<std::optional<std::uint32_t>>(golden, "optional");
        check_type<Choice>(golden, "variant");
        check_type<Pair>(golden, "struct");
        check_type<Everything>(golden, "everything");
        golden.finish();
    }

    TEST_CASE("whatever decodes is canonical") {
        for (std::uint64_t seed = 1; seed <= 4; ++seed) {
            check_canonical<Everything>(seed);
            check_canonical<Choice>(seed);
            check_canonical<BoundedVector<BoundedString<9>, 9>>(seed);
            check_canonical<std::optional<BoundedBytes<200>>>(seed);
        }
    }
}

}  // namespace millrace
