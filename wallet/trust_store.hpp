#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "wallet/client.hpp"
#include "wallet/light_client.hpp"

/// What a wallet remembers of chains and nodes from one run to the next, in a folder beside its
/// keys: a file for each chain with its `Trust`, and one for each node with the chain that it was
/// first met on. Files are replaced as a whole and readable by their owner only.
namespace millrace::wallet {

class TrustStore {
  public:
    explicit TrustStore(std::filesystem::path folder) : folder_(std::move(folder)) {}

    /// None: this chain was never verified here.
    [[nodiscard]] Try<std::optional<Trust>> load(const ChainId& chain) const;
    [[nodiscard]] Try<Ok> save(const Trust& trust) const;
    /// The chain that the node of this address is known by; none: it was never met.
    [[nodiscard]] Try<std::optional<ChainId>> chain_of(const std::string& url) const;
    [[nodiscard]] Try<Ok> pin(const std::string& url, const ChainId& chain) const;

    [[nodiscard]] std::filesystem::path chain_file(const ChainId& chain) const;
    [[nodiscard]] std::filesystem::path node_file(const std::string& url) const;

  private:
    std::filesystem::path folder_;
};

}  // namespace millrace::wallet
