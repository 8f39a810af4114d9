#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <vector>

#include "market/auction/clearing.hpp"

/// The supply side of a frozen book, sorted for a clearing; nothing in it changes while one runs.
namespace millrace::market::detail {

inline constexpr std::uint32_t kNone = 0xffffffff;
inline constexpr std::uint64_t kBasisPoints = 10'000;

/// A set of classes by index.
struct ClassMask {
    std::array<std::uint64_t, kClassesMax / 64> words{};
    void insert(std::uint32_t at) { words[at / 64] |= std::uint64_t{1} << (at % 64); }
    void erase(std::uint32_t at) { words[at / 64] &= ~(std::uint64_t{1} << (at % 64)); }
    [[nodiscard]] bool contains(std::uint32_t at) const {
        return ((words[at / 64] >> (at % 64)) & 1U) != 0;
    }
    [[nodiscard]] bool empty() const { return (words[0] | words[1] | words[2] | words[3]) == 0; }
    void unite(const ClassMask& other) {
        for (std::size_t i = 0; i < words.size(); ++i) words[i] |= other.words[i];
    }
    /// Calls `visit(index)` for each member that is also in `other`, rising.
    template <class Visit>
    void for_each_in(const ClassMask& other, Visit visit) const {
        for (std::uint32_t i = 0; i < words.size(); ++i)
            for (std::uint64_t bits = words[i] & other.words[i]; bits != 0; bits &= bits - 1)
                visit(i * 64 + static_cast<std::uint32_t>(std::countr_zero(bits)));
    }
    template <class Visit>
    void for_each(Visit visit) const {
        for_each_in(*this, visit);
    }
};

/// One price of one ask, as buyers see it.
struct Step {
    std::uint64_t price = 0;  ///< a'
    std::uint32_t ask = 0;    ///< index into the book's asks
    std::uint32_t class_index = 0;
    std::uint32_t lots = 0;  ///< offered at this price; 0 when leases occupy all of it
    std::uint8_t index = 0;  ///< which of the ask's steps
};

/// A class of this clearing; its steps are `steps[begin, end)` by (a', H(s, provider)).
struct ClassView {
    ClassId id;
    Capability capability;
    std::uint32_t rank = 0;
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
    std::uint64_t offered = 0;
    Uint128 free_stake = 0;
    std::uint64_t task_gas_max = 0;    ///< no ask of the class takes a larger task
    std::uint64_t task_bytes_max = 0;  ///< the same for its bytes
};

struct AskView {
    std::uint32_t class_index = kNone;  ///< none: not active, or its class waits
    /// Where the ask's steps lie in `steps`, cheapest first; kNone where it has no more.
    std::array<std::uint32_t, kStepsPerAskMax> steps{kNone, kNone, kNone, kNone};
};

struct MarketView {
    const Book* book = nullptr;
    Hash seed;
    std::vector<ClassView> classes;  ///< by (rank, id): an index compares like a tie is broken
    std::vector<Step> steps;
    std::vector<AskView> asks;  ///< parallel to the book's
    bool classes_cut = false;   ///< there were more than kClassesMax
    std::uint64_t work = 0;
};

/// 2·slots of each step, less the leases not yet committed, which occupy the cheapest first.
[[nodiscard]] std::array<std::uint32_t, kStepsPerAskMax> offered_lots(const AskOrder& ask);

[[nodiscard]] MarketView make_market_view(const Book& book, const Hash& seed);

/// An upper bound of the comparisons of sorting n items.
[[nodiscard]] std::uint64_t sort_work(std::uint64_t n);

/// H(s, id): breaks ties between bids of one limit, and between steps of one price.
[[nodiscard]] Hash bid_tie(const Hash& seed, const JobId& id);
[[nodiscard]] Hash ask_tie(const Hash& seed, const AccountId& provider);

}  // namespace millrace::market::detail
