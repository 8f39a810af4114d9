#pragma once

#include "common/hash.hpp"
#include "consensus/messages.hpp"

/// The simulated application's block, and signatures that cost nothing.
namespace millrace::consensus::sim {

struct SimBlock {
    Epoch epoch;
    View view;
    Height height;
    BlockHash parent;
    WallTime timestamp;
    std::uint64_t salt = 0;
    /// The state after this block: true blocks have mix(parent's state, height, salt).
    std::uint64_t state = 0;
};
BOOST_DESCRIBE_STRUCT(SimBlock, (), (epoch, view, height, parent, timestamp, salt, state))

inline std::uint64_t mix(std::uint64_t state, Height height, std::uint64_t salt) {
    const Hash hash =
        Hasher("sim/state").update_u64(state).update_u64(height.value).update_u64(salt).finish();
    return load_le<std::uint64_t>(hash.bytes.data());
}

class SimReader final : public BlockReader {
  public:
    [[nodiscard]] std::optional<BlockFacts> read(ByteView bytes) const override {
        const auto block = decode<SimBlock>(bytes);
        if (!block) return std::nullopt;
        return BlockFacts{hash_as<BlockHash>(hash_bytes("sim/block", bytes)),
                          block->parent,
                          block->epoch,
                          block->view,
                          block->height,
                          block->timestamp};
    }
};

inline Ed25519Key key_of(std::size_t validator) {
    Ed25519Key key;
    store_le(key.bytes.data(), static_cast<std::uint64_t>(validator) + 1);
    return key;
}

/// A keyed hash: anyone could forge it, but no program here does so under an honest name.
inline Ed25519Signature sign_with(const Ed25519Key& key, ByteView message) {
    const Hash hash = Hasher("sim/signature").update(key).update(message).finish();
    Ed25519Signature signature;
    std::copy(hash.bytes.begin(), hash.bytes.end(), signature.bytes.begin());
    return signature;
}

class SimVerifier final : public VoteVerifier {
  public:
    [[nodiscard]] bool verify(const Ed25519Key& key, ByteView message,
                              const Ed25519Signature& signature) const override {
        return sign_with(key, message) == signature;
    }
};

/// A block that a node holds as final; `certificate` for the last one of each finalization.
struct FinalBlock {
    SimBlock block;
    BlockHash hash;
    Bytes bytes;
    std::optional<Certificate> certificate;
};

}  // namespace millrace::consensus::sim
