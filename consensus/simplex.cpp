#include "consensus/simplex.hpp"

#include "consensus/detail/engine.hpp"

namespace millrace::consensus {

Simplex::Simplex(Config config, const BlockReader& reader, const VoteVerifier& verifier,
                 const std::vector<Record>& records)
    : engine_(std::make_unique<detail::Engine>(std::move(config), reader, verifier, records)) {}
Simplex::~Simplex() = default;
Simplex::Simplex(Simplex&&) noexcept = default;
Simplex& Simplex::operator=(Simplex&&) noexcept = default;

std::vector<Effect> Simplex::step(const Event& event) {
    return engine_->step(event);
}
std::vector<Record> Simplex::snapshot_records() const {
    return engine_->snapshot_records();
}
Epoch Simplex::epoch() const {
    return engine_->config().epoch;
}
View Simplex::current_view() const {
    return engine_->current();
}
ValidatorIndex Simplex::leader_of(View view) const {
    return engine_->leader_of(view);
}
const Floor& Simplex::finalized() const {
    return engine_->floor();
}
bool Simplex::is_closed() const {
    return engine_->closed();
}
bool Simplex::is_halted() const {
    return engine_->halted();
}
bool Simplex::may_vote() const {
    return engine_->config().may_vote;
}
const VoteTable& Simplex::votes() const {
    return engine_->votes();
}
Simplex::Sizes Simplex::sizes() const {
    return engine_->sizes();
}

}  // namespace millrace::consensus
