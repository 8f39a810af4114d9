#pragma once

#include <memory>
#include <vector>

#include "common/rng.hpp"
#include "market/genesis.hpp"
#include "market/ledger/accounts.hpp"
#include "market/query.hpp"
#include "node/chain/block_store.hpp"
#include "node/chain/executor.hpp"
#include "node/mempool/mempool.hpp"
#include "node/signer.hpp"

/// A ledger of many accounts for our benchmark programs: real database, executor and blocks;
/// agreement is played by the program.
namespace millrace::bench {

/// An account that sends, with its next sequence.
struct Sender {
    SecretBytes<32> secret;
    AccountKey key;
    Address address;
    std::uint64_t next = 0;
};

/// Senders whose keys are a function of their numbers, in the order of their addresses.
[[nodiscard]] std::vector<Sender> make_senders(std::size_t count);

class StillClock final : public node::Clock {
  public:
    [[nodiscard]] consensus::Instant now() const override { return {1'000, wall}; }
    WallTime wall{1'800'000'000'000};
};

/// The chain's document with these senders as its only holders, and the keys of its validator.
struct Founding {
    explicit Founding(std::size_t sender_count);
    market::Genesis genesis;
    std::vector<Sender> senders;
    VrfSecret vrf;
    Ed25519Secret vote;
};

/// An executor over a data folder of its own.
class Chain {
  public:
    Chain(const std::filesystem::path& folder, const Founding& founding);
    /// Adds accounts beside the chain's rules, straight into the database and the tree: how a
    /// ledger of 10^6 accounts stands without signing 10^6 transfers.
    void add_accounts(std::uint64_t count);
    /// Writes rows of state beside the chain's rules.
    void plant(const market::StateWrites& writes);
    [[nodiscard]] node::Head head() const;
    /// Builds the next block out of what waits in the mempool; its bytes, as agreement has them.
    [[nodiscard]] consensus::BlockPtr build();
    void check(const consensus::BlockPtr& block);
    /// Returns while the block is still on its way to the disk, as in a node.
    void finalize(const consensus::BlockPtr& block);
    void wait_durable();

    StillClock clock;
    node::Mempool mempool{256U << 20U};
    std::unique_ptr<node::LedgerDb> db;
    std::unique_ptr<node::Executor> executor;

  private:
    void open();
    const Founding& founding_;
    node::LocalSigner signer_;
    std::uint64_t view_ = 0;
};

/// The address of an account that `add_accounts` made.
[[nodiscard]] Address crowd_address(std::uint64_t number);
/// A signed transfer of one credit.
[[nodiscard]] market::SignedTx transfer(const ChainId& chain, Sender& from, const Address& to,
                                        WallTime now);

}  // namespace millrace::bench
