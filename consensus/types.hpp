#pragma once

#include <boost/describe.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "common/amount.hpp"
#include "common/bytes.hpp"
#include "common/codec.hpp"
#include "common/ed25519.hpp"
#include "common/result.hpp"
#include "common/units.hpp"
#include "common/vote.hpp"

/// The words of agreement: validators and their weights, blocks as consensus sees them, time.
/// Source: docs/protocol/consensus.md.
namespace millrace::consensus {

using millrace::kValidatorsMax;
using millrace::ValidatorIndex;
/// Stake as voting power.
using Weight = std::uint64_t;

/// Total weight stays below this, so that thirds and sums never leave 64 bits.
inline constexpr Weight kTotalWeightMax = Weight{1} << 60U;
/// The protocol's largest block.
inline constexpr std::size_t kBlockBytesMax = 4U << 20U;

struct Validator {
    Ed25519Key key;
    Weight weight = 0;
    friend bool operator==(const Validator&, const Validator&) = default;
};
BOOST_DESCRIBE_STRUCT(Validator, (), (key, weight))

enum class ValidatorSetError : std::uint8_t {
    empty = 1,
    too_many = 2,
    zero_weight = 3,
    weight_too_large = 4,
    duplicate_key = 5,
};
BOOST_DESCRIBE_ENUM(ValidatorSetError, empty, too_many, zero_weight, weight_too_large,
                    duplicate_key)

/// The validators of one epoch, in their order, with weights that add up to less than 2^60.
class ValidatorSet {
  public:
    /// Refuses, in this order: `empty`, `too_many`, `zero_weight`, `weight_too_large`,
    /// `duplicate_key` (one key under two indices would count twice).
    static Result<ValidatorSet, ValidatorSetError> make(std::vector<Validator> validators);

    [[nodiscard]] std::size_t size() const { return validators_.size(); }
    [[nodiscard]] bool contains(ValidatorIndex index) const { return index.value < size(); }
    /// The index must be contained.
    [[nodiscard]] const Validator& at(ValidatorIndex index) const;
    [[nodiscard]] std::span<const Validator> all() const { return validators_; }
    [[nodiscard]] Weight total() const { return cumulative_.back(); }
    /// floor(2W/3) + 1: two quorums share more than a third of the weight.
    [[nodiscard]] Weight quorum() const;
    /// Who owns this point of the weights laid end to end; `point` is below total().
    [[nodiscard]] ValidatorIndex owner_of(Weight point) const;
    [[nodiscard]] std::optional<ValidatorIndex> find(const Ed25519Key& key) const;

  private:
    explicit ValidatorSet(std::vector<Validator> validators);
    std::vector<Validator> validators_;
    std::vector<Weight> cumulative_;
};

/// What agreement needs to know of a block, all of it committed to by its hash.
struct BlockFacts {
    BlockHash hash;
    BlockHash parent;
    Epoch epoch;
    /// The view whose leader first proposed it.
    View view;
    Height height;
    WallTime timestamp;
    friend bool operator==(const BlockFacts&, const BlockFacts&) = default;
};
BOOST_DESCRIBE_STRUCT(BlockFacts, (), (hash, parent, epoch, view, height, timestamp))

/// A block's canonical bytes with the facts read from them. Immutable once made, hence shared.
struct Block {
    BlockFacts facts;
    Bytes bytes;
};
using BlockPtr = std::shared_ptr<const Block>;

/// Port: reads the facts out of a block's bytes. Pure: it checks form only (strict decoding), and
/// recomputes the hash, so that nobody passes other bytes off under a hash. None: malformed.
class BlockReader {
  public:
    virtual ~BlockReader() = default;
    [[nodiscard]] virtual std::optional<BlockFacts> read(ByteView bytes) const = 0;
};

/// Port: checks one signature. The node's is the strict rule of common/ed25519.hpp; the
/// simulation's is a keyed hash.
class VoteVerifier {
  public:
    virtual ~VoteVerifier() = default;
    [[nodiscard]] virtual bool verify(const Ed25519Key& key, ByteView message,
                                      const Ed25519Signature& signature) const = 0;
};

/// Both clocks at one moment. Time-outs follow the monotonic one, so that a jump of the wall clock
/// times nobody out; block timestamps follow the wall clock.
struct Instant {
    std::uint64_t monotonic_ms = 0;
    WallTime wall;
    friend bool operator==(const Instant&, const Instant&) = default;
};

}  // namespace millrace::consensus
