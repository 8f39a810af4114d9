#include "vm/machine/initial_state.hpp"

namespace millrace::vm {

namespace {

constexpr std::uint64_t kLayoutVersion = 1;

void put(PageBytes& page, Register r, std::uint64_t value) {
    store_le<std::uint64_t>(page.data() + 8 * static_cast<std::size_t>(r), value);
}
Subtree at(Address base, unsigned level, const Hash& root) {
    return {level, (base >> kPageBits) >> level, root};
}
template <class From>
Hash plain(const From& root) {
    Hash out;
    out.bytes = root.bytes;
    return out;
}

}  // namespace

PageBytes initial_registers(const PageBytes& arguments) {
    const std::uint64_t segment =
        load_le<std::uint64_t>(arguments.data() + arguments_offset::segment_gas);
    PageBytes page{};
    put(page, Register::version, kLayoutVersion);
    put(page, Register::gas_limit,
        load_le<std::uint64_t>(arguments.data() + arguments_offset::gas_limit));
    put(page, Register::segment_gas, segment);
    put(page, Register::next_boundary, segment);
    return page;
}

std::vector<Subtree> initial_parts(const InitialState& initial) {
    std::vector<Subtree> parts;
    parts.push_back(at(kRegistersPage, 0, page_hash(initial_registers(initial.arguments))));
    parts.push_back(at(kArgumentsPage, 0, page_hash(initial.arguments)));
    parts.push_back(at(kImageBase, kImageLevels, plain(initial.image)));
    if (initial.stdin_region) parts.push_back(at(kStdin, kRegionLevels, *initial.stdin_region));
    if (initial.input) {
        const auto form = static_cast<InputForm>(
            load_le<std::uint32_t>(initial.arguments.data() + arguments_offset::input_form));
        parts.push_back(at(kInputImages, input_levels(form), plain(*initial.input)));
    }
    return parts;
}

MachineRoot initial_state_root(const InitialState& initial) {
    return hash_as<MachineRoot>(join_subtrees(kPageTreeLevels, initial_parts(initial)));
}

}  // namespace millrace::vm
