#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "consensus/messages.hpp"

/// The judge: restates the rules in its own words, and calls nothing of what it judges (the types
/// apart). It sees every byte that leaves a node and every block that a node calls final.
namespace millrace::consensus::sim {

class Oracle {
  public:
    /// Whether a validator counts as honest, and weights by (epoch, index).
    struct Rules {
        std::vector<bool> honest;  // by validator
        bool below_a_third = true;
    };
    void set_rules(Rules rules) { rules_ = std::move(rules); }

    /// An own vote leaves a node of this validator.
    void vote_leaves(std::size_t validator, const Vote& vote, bool durable);
    /// A node acts on a certificate; `weights` are those of its epoch by index.
    void certificate_kept(const Certificate& certificate, const std::vector<Weight>& weights);
    /// An honest node calls a block final.
    void block_final(std::size_t node, std::uint64_t height, const BlockHash& hash,
                     const BlockHash& parent, bool state_is_true);
    void restarted(std::size_t node, std::uint64_t height, const BlockHash& head);

    [[nodiscard]] const std::string& failure() const { return failure_; }
    void fail(const std::string& what) {
        if (failure_.empty()) failure_ = what;
    }
    [[nodiscard]] bool forked() const { return forked_; }
    /// Validators (by index in their epoch) with two signed words in one view that exclude each
    /// other, out of everything seen.
    [[nodiscard]] std::map<Epoch, std::set<std::uint16_t>> guilty() const;

  private:
    struct Head {
        std::uint64_t height = 0;
        BlockHash hash;
    };
    Rules rules_;
    std::string failure_;
    bool forked_ = false;
    std::map<std::uint64_t, BlockHash> final_;
    std::map<std::size_t, Head> heads_;
    /// Words of each (epoch, view, signer).
    std::map<std::tuple<Epoch, View, std::uint16_t>, std::set<Subject>> words_;
    std::map<std::pair<Epoch, View>, std::set<Subject>> certified_;
};

}  // namespace millrace::consensus::sim
