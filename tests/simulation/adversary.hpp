#pragma once

#include "tests/simulation/world.hpp"

namespace millrace::consensus::sim {

/// The adversaries' hands in the world: what they do instead of, or besides, what an honest engine
/// does with the same state.
class Meddler {
  public:
    Meddler(World& world, Node& node) : world_(world), node_(node) {}

    /// True: the message has been dealt with, and the honest one must not go out.
    bool on_outgoing(const Message& message);
    void on_arrival(std::size_t from, const Message& message);
    /// Spoils a block that the own engine is about to propose.
    void on_build(SimBlock& block);

  private:
    [[nodiscard]] Vote vote(Epoch epoch, const Subject& subject) const;
    void send_all(const Message& message);
    void send(std::size_t validator, const Message& message);
    bool equivocate(const ProposalMessage& message);
    bool skip_parent(const ProposalMessage& message);
    bool give_boundary_a_child(const Vote& vote);
    void forge(const Vote& like);
    [[nodiscard]] ProposalMessage proposal_of(Epoch epoch, View view, View parent_view,
                                              const SimBlock& block) const;

    World& world_;
    Node& node_;
};

}  // namespace millrace::consensus::sim
