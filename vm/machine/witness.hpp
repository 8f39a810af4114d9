#pragma once

#include <boost/describe.hpp>
#include <cstdint>
#include <map>
#include <optional>

#include "common/bounded.hpp"
#include "common/page_proof.hpp"
#include "common/result.hpp"
#include "common/sparse_page_tree.hpp"
#include "vm/machine/paged_access.hpp"

/// Proofs of short runs. Source: docs/protocol/machine.md, "Witnesses".
namespace millrace::vm {

/// The pages that a run of some steps touches, as they were before, and one proof of them all
/// under the root before. The root after follows from the same proof with the pages as the run
/// leaves them.
struct Witness {
    static constexpr const char* kName = "witness";
    PageProof proof;
    /// 4096 bytes for each of `proof.pages`, in that order.
    BoundedBytes<kWitnessPagesMax * kPageSize> contents;

    friend bool operator==(const Witness&, const Witness&) = default;
};
BOOST_DESCRIBE_STRUCT(Witness, (), (proof, contents))

enum class WitnessError : std::uint8_t {
    bad_proof = 1,       ///< the proof breaks a rule of its form
    bad_contents = 2,    ///< not one page for each index
    other_root = 3,      ///< pages and proof are of another state
    page_missing = 4,    ///< the run touches a page that is not there
    page_unused = 5,     ///< a page is there that the run does not touch
    too_many_steps = 6,  ///< above kWitnessStepsMax
};
BOOST_DESCRIBE_ENUM(WitnessError, bad_proof, bad_contents, other_root, page_missing, page_unused,
                    too_many_steps)

/// Steps that one witness may cover: what every validator is ready to interpret for a transaction.
inline constexpr std::uint64_t kWitnessStepsMax = std::uint64_t{1} << 16;

/// The policy of verification: only the pages given. A page that is not there, or an access that
/// no machine makes, is the witness's fault: it is remembered, and the run stops.
class WitnessAccess : public PagedAccess<WitnessAccess> {
  public:
    using Page = std::array<std::uint8_t, kPageSize>;

    void add(std::uint64_t page_index, const Page& page) { pages_[page_index] = {page, false}; }
    [[nodiscard]] const std::uint8_t* page_to_read(std::uint64_t page_index) {
        return find(page_index).data();
    }
    [[nodiscard]] std::uint8_t* page_to_write(std::uint64_t page_index) {
        return find(page_index).data();
    }
    void fault() { failed_ = true; }
    [[nodiscard]] bool failed() const { return failed_; }

    /// The page as the run left it; it was added.
    [[nodiscard]] const Page& page(std::uint64_t page_index) const {
        return pages_.at(page_index).bytes;
    }
    [[nodiscard]] bool all_used() const;
    /// The first page that was asked for and not there.
    [[nodiscard]] const std::optional<std::uint64_t>& missing() const { return missing_; }

  private:
    struct Held {
        Page bytes;
        bool used = false;
    };
    Page& find(std::uint64_t page_index);

    std::map<std::uint64_t, Held> pages_;
    Page nothing_{};
    std::optional<std::uint64_t> missing_;
    bool failed_ = false;
};
static_assert(MachineAccess<WitnessAccess>);

/// The state's root at `position + steps` when it is `before` at `position`. Positions count from a
/// boundary (vm/machine/run.hpp). Refuses in the order of `WitnessError`. Cost: at most
/// `kWitnessPagesMax` × 52 hashes and `steps` steps of interpretation.
[[nodiscard]] Result<Hash, WitnessError> verify_witness(const Hash& before, std::uint64_t position,
                                                        std::uint64_t steps,
                                                        const Witness& witness);

/// Makes the witness of the steps [position, position + steps) of the state that `base` holds and
/// `tree` hashes; both are at `position`. None when it would pass `kWitnessPagesMax` pages: ask for
/// fewer steps. What is returned has been verified.
struct MadeWitness {
    Witness witness;
    Hash after;
    unsigned step_pages_max = 0;  ///< most pages of one step
};
[[nodiscard]] std::optional<MadeWitness> make_witness(const PageReader& base,
                                                      const SparsePageTree& tree,
                                                      std::uint64_t position, std::uint64_t steps);

}  // namespace millrace::vm
