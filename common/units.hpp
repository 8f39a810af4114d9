#pragma once

#include <compare>
#include <cstdint>

#include "common/assert.hpp"
#include "common/bytes.hpp"

namespace millrace {

/// An integer with a meaning. Construction is explicit, and only comparisons come for free;
/// the few operations that make sense are written beside each type.
template <class Tag, class Integer = std::uint64_t>
struct Unit {
    using integer_type = Integer;
    Integer value = 0;

    constexpr Unit() = default;
    explicit constexpr Unit(Integer v) : value(v) {}
    friend constexpr auto operator<=>(const Unit&, const Unit&) = default;
    friend constexpr bool operator==(const Unit&, const Unit&) = default;
};

/// Position in the finalized chain; genesis is 0.
using Height = Unit<struct HeightTag>;
/// A leader's turn within an epoch, from 1.
using View = Unit<struct ViewTag>;
/// Span of active time with a constant validator set, from 0.
using Epoch = Unit<struct EpochTag>;
/// Metered work; about a nanosecond of one core on the compiled tier.
using Gas = Unit<struct GasTag>;
/// Milliseconds since 1970-01-01T00:00:00Z, as validators agreed on it.
using WallTime = Unit<struct WallTimeTag>;
/// Milliseconds of active time since genesis: outages are cut out (docs/protocol/block.md).
using ActiveTime = Unit<struct ActiveTimeTag>;

constexpr Height next(Height h) {
    return Height{h.value + 1};
}
constexpr View next(View v) {
    return View{v.value + 1};
}
constexpr Epoch next(Epoch e) {
    return Epoch{e.value + 1};
}

/// Hash of a block's header.
using BlockHash = FixedBytes<32, struct BlockHashTag>;
/// Hash of a signed transaction's bytes.
using TxHash = FixedBytes<32, struct TxHashTag>;
/// Root of the ledger's authenticated map.
using StateRoot = FixedBytes<32, struct StateRootTag>;
/// Root of a machine's flat address space.
using MachineRoot = FixedBytes<32, struct MachineRootTag>;
/// Root of an image: names a program on chain.
using ImageRoot = FixedBytes<32, struct ImageRootTag>;
/// Root of a file-system image (an input or an output tree).
using TreeRoot = FixedBytes<32, struct TreeRootTag>;
/// Root of a blob's bytes.
using BlobRoot = FixedBytes<32, struct BlobRootTag>;
/// Hash of the genesis document; every signature commits to it.
using ChainId = FixedBytes<32, struct ChainIdTag>;
using JobId = FixedBytes<32, struct JobIdTag>;
using LeaseId = FixedBytes<32, struct LeaseIdTag>;

}  // namespace millrace
