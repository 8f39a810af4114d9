#include "node/chain/history.hpp"

#include <algorithm>
#include <map>

#include "market/ledger/jobs.hpp"
#include "market/ledger/leases.hpp"
#include "market/ledger/providers.hpp"
#include "market/ledger/store.hpp"

namespace millrace::node {

namespace {

constexpr int kErrorCorrupt = 2;
/// A clearing's leases are bounded by a parameter that is far below this.
constexpr std::size_t kFillsMax = 65'536;

void add_number(Bytes& key, std::uint64_t value, std::size_t size) {
    // Big-endian: byte order is chain order.
    for (std::size_t i = size; i-- > 0;) key.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

Bytes prefix_of(HistoryOf of, ByteView id) {
    Bytes key{static_cast<std::uint8_t>(of)};
    key.insert(key.end(), id.begin(), id.end());
    return key;
}
Bytes prefix_of(HistoryOf of, std::uint64_t number) {
    Bytes key{static_cast<std::uint8_t>(of)};
    add_number(key, number, 8);
    return key;
}
/// Every key ends so: storage reads the height there to know what may go (`Column::history`).
Bytes place_key(Bytes prefix, const Cursor& at) {
    add_number(prefix, at.height.value, 8);
    add_number(prefix, at.index, 4);
    return prefix;
}

template <class Row>
Result<Row> decoded(ByteView raw) {
    auto row = decode<Row>(raw);
    if (!row.has_value())
        return Err{
            Error{kErrorCorrupt, "the ledger's history is damaged; restore the data folder"}};
    return *std::move(row);
}

/// What a transaction is about, where it is about something that has a history.
struct Subject {
    std::optional<JobId> job;
    std::optional<LeaseId> lease;
    std::optional<Address> provider;
    std::optional<Address> to;
};

Subject subject_of(const market::TxBody& body) {
    Subject out;
    std::visit(
        [&](const auto& b) {
            if constexpr (requires { b.job; }) out.job = b.job;
            if constexpr (requires { b.lease; }) out.lease = b.lease;
            if constexpr (requires { b.provider; }) out.provider = b.provider;
            if constexpr (requires { b.to; }) out.to = b.to;
        },
        body);
    return out;
}

std::string name_of(const market::TxBody& body) {
    return std::visit([](const auto& b) { return std::string(b.kName); }, body);
}

/// One pass over the events of a block. What one transaction or one deadline did to an account is
/// one row, however many movements it took.
class Writer {
  public:
    Writer(std::vector<DbWrite>& batch, const HistorySource& source)
        : batch_(batch), source_(source) {}

    void run() {
        for (const market::Event& event : source_.events)
            std::visit([&](const auto& e) { take(e); }, event);
        end_step();
    }

  private:
    struct Flow {
        Address account;
        Amount in;
        Amount out;
    };
    static void add(std::vector<Flow>& flows, const Address& account, Amount in, Amount out) {
        auto at = std::find_if(flows.begin(), flows.end(),
                               [&](const Flow& f) { return f.account == account; });
        if (at == flows.end()) at = flows.insert(flows.end(), Flow{account, {}, {}});
        at->in = checked_add(at->in, in).value();
        at->out = checked_add(at->out, out).value();
    }

    void take(const market::StepEvent& step) {
        end_step();
        row_ = HistoryRow{};
        row_.height = source_.block.header.height;
        row_.time = source_.block.header.time;
        step_ = step;
        switch (step.step) {
            case market::Step::transaction:
                return begin_transaction(step.index);
            case market::Step::due:
                return begin_due(step);
            case market::Step::clearing:
                row_.what = std::string("clearing");
                return;
            case market::Step::epoch:
                row_.what = std::string("epoch_issuance");
                return;
        }
    }
    void begin_transaction(std::uint32_t index) {
        const market::Tx& tx = source_.block.transactions[index].tx;
        const market::Receipt& receipt = source_.receipts[index];
        row_.transaction = receipt.transaction;
        row_.refusal = receipt.refusal;
        row_.what = name_of(tx.body);
        sender_ = to_address(tx.sender);
        const Subject subject = subject_of(tx.body);
        row_.job = subject.job;
        row_.provider = subject.provider;
        to_ = subject.to;
        if (std::holds_alternative<market::JobPost>(tx.body))
            row_.job = market::job_id_of(tx.chain, *sender_, tx.nonce);
        if (std::holds_alternative<market::ProviderRegister>(tx.body)) row_.provider = sender_;
        if (subject.lease) name_lease(*subject.lease);
    }
    void begin_due(const market::StepEvent& step) {
        row_.what = std::string(enum_name(step.due));
        switch (step.due) {
            case market::DueKind::lease_start:
            case market::DueKind::lease_commit:
            case market::DueKind::lease_reveal:
            case market::DueKind::lease_retention:
                return name_lease(LeaseId{step.subject.bytes});
            case market::DueKind::chunk_window:
            case market::DueKind::job_expiry:
            case market::DueKind::job_delete:
            case market::DueKind::job_wind_down:
                row_.job = JobId{step.subject.bytes};
                return;
            case market::DueKind::module_expiry:
                return;
        }
    }
    void name_lease(const LeaseId& id) {
        const auto lease = market::load<market::Lease>(source_.after, market::lease_key(id));
        if (!lease) return;
        row_.lease = id;
        row_.job = lease->job;
        row_.provider = lease->provider;
        row_.chunk = lease->chunk;
    }

    void take(const market::BalanceEvent& e) { add(balances_, e.account, e.in, e.out); }
    void take(const market::StakeEvent& e) { add(stakes_, e.provider, e.in, e.out); }
    void take(const market::LeaseEvent& e) {
        HistoryRow row = effect("lease_", enum_name(e.state));
        if (e.state == market::LeaseState::matched && e.waiting)
            row.what = std::string("lease_waiting");
        row.job = e.job;
        row.lease = e.lease;
        row.provider = e.provider;
        row.chunk = e.chunk;
        effects_.push_back(std::move(row));
        const bool is_new =
            step_.step == market::Step::clearing && e.state == market::LeaseState::matched;
        // A lease is told of at its making and, when it comes to the head of its queue, again.
        if (is_new && leased_.emplace(e.lease, true).second) fill(e);
    }
    void take(const market::ChunkEvent& e) {
        HistoryRow row = effect("chunk_", enum_name(e.state));
        row.job = e.job;
        row.chunk = e.chunk;
        effects_.push_back(std::move(row));
    }
    void take(const market::JobEvent& e) {
        HistoryRow row = effect("job_", e.deleted ? "deleted" : enum_name(e.state));
        row.job = e.job;
        effects_.push_back(std::move(row));
        if (e.state != market::JobState::open && e.chunks_left == 0 && !e.deleted)
            put_at(prefix_of(HistoryOf::job_end, e.job.view()), {row_.height, 0},
                   encode(row_.height));
    }
    void take(const market::ClearingEvent& e) { clearing_ = e; }

    [[nodiscard]] HistoryRow effect(const char* kind, const char* state) const {
        HistoryRow row;
        row.height = row_.height;
        row.time = row_.time;
        row.transaction = row_.transaction;
        row.what = std::string(kind) + state;
        return row;
    }

    // ---- the rows of a step --------------------------------------------------------------------
    void end_step() {
        write_accounts();
        write_job_and_provider();
        for (const HistoryRow& row : effects_) {
            if (row.job) put(HistoryOf::job, row.job->view(), row);
            if (row.provider) put(HistoryOf::provider, row.provider->view(), row);
            ++index_;
        }
        write_clearing();
        balances_.clear();
        stakes_.clear();
        effects_.clear();
        sender_.reset();
        to_.reset();
    }
    void write_accounts() {
        const bool is_refused = row_.refusal != market::Refusal::none;
        // Moves whose fee is prepaid, and transactions without a fee, are the sender's all the
        // same.
        if (sender_) add(balances_, *sender_, {}, {});
        for (const Flow& flow : balances_) {
            HistoryRow row = row_;
            row.in = flow.in;
            row.out = flow.out;
            if (to_ && sender_ && !is_refused) {
                if (flow.account == *sender_) row.other = to_;
                if (flow.account == *to_) row.other = sender_;
            }
            put(HistoryOf::account, flow.account.view(), row);
        }
        if (!balances_.empty()) ++index_;
    }
    /// Money of a step that is about one job or one provider, beside what its effects say.
    void write_job_and_provider() {
        Amount in;
        Amount out;
        for (const Flow& flow : balances_) {
            in = checked_add(in, flow.out).value();
            out = checked_add(out, flow.in).value();
        }
        if (row_.transaction) {
            // What the envelope took is no money of the job.
            const market::Receipt& receipt = source_.receipts[step_.index];
            const Amount envelope = checked_add(receipt.fee, receipt.tip).value();
            in = in < envelope ? Amount{} : checked_sub(in, envelope).value();
            out = out < receipt.tip ? Amount{} : checked_sub(out, receipt.tip).value();
        }
        const bool is_tx = row_.transaction.has_value();
        bool is_written = false;
        if (row_.job && (is_tx || in != Amount{} || out != Amount{})) {
            HistoryRow row = row_;
            row.in = in;
            row.out = out;
            put(HistoryOf::job, row.job->view(), row);
            is_written = true;
        }
        // Several providers where a chunk with replicas settles: each has its own row.
        std::vector<Flow> flows = stakes_;
        for (const Address& provider : providers_of_step())
            add(flows, provider, paid_to(provider), {});
        for (const Flow& flow : flows) {
            const bool is_subject = row_.provider == flow.account;
            if (flow.in == Amount{} && flow.out == Amount{} && !(is_tx && is_subject)) continue;
            HistoryRow row = row_;
            row.provider = flow.account;
            row.in = flow.in;
            row.out = flow.out;
            put(HistoryOf::provider, flow.account.view(), row);
            is_written = true;
        }
        if (is_written) ++index_;
    }
    [[nodiscard]] std::vector<Address> providers_of_step() const {
        std::vector<Address> out;
        if (step_.step == market::Step::clearing || step_.step == market::Step::epoch) return out;
        if (row_.provider) out.push_back(*row_.provider);
        for (const HistoryRow& row : effects_)
            if (row.provider && std::find(out.begin(), out.end(), *row.provider) == out.end())
                out.push_back(*row.provider);
        return out;
    }
    /// What this step paid to the account that the provider is paid on. The owner's own
    /// transactions, and a buyer who is paid back on the same account, are no pay.
    [[nodiscard]] Amount paid_to(const Address& id) const {
        if (row_.transaction) return {};
        const auto provider =
            market::load<market::Provider>(source_.after, market::provider_key(id));
        if (!provider) return {};
        if (row_.job) {
            const auto job = market::load<market::Job>(source_.after, market::job_key(*row_.job));
            if (job && job->buyer == provider->payout_account) return {};
        }
        for (const Flow& flow : balances_)
            if (flow.account == provider->payout_account) return flow.in;
        return {};
    }

    // ---- clearings -----------------------------------------------------------------------------
    void fill(const market::LeaseEvent& e) {
        const auto lease = market::load<market::Lease>(source_.after, market::lease_key(e.lease));
        if (!lease) return;
        FillRow& row = fills_[{e.job, e.provider, lease->class_id, lease->price}];
        row.job = e.job;
        row.provider = e.provider;
        row.class_id = lease->class_id;
        row.price = lease->price;
        ++row.lots;
        row.volume = checked_add(row.volume, lease->escrow).value();
    }
    void write_clearing() {
        if (!clearing_) return;
        const Cursor at{row_.height, index_++};
        ClearingRow all;
        all.height = at.height;
        all.index = at.index;
        all.time = row_.time;
        all.clearing = clearing_->number;
        for (const market::ClassResult& result : clearing_->classes) {
            ClassRow row{at.height, at.index, row_.time, clearing_->number, result, 0, {}};
            for (const auto& [key, one] : fills_) {
                if (one.class_id != result.class_id) continue;
                row.leases += one.lots;
                row.volume = checked_add(row.volume, one.volume).value();
            }
            all.leases += row.leases;
            all.volume = checked_add(all.volume, row.volume).value();
            put_at(prefix_of(HistoryOf::class_id, result.class_id.value), at, encode(row));
            all.classes.push_back(row);
        }
        put_at(prefix_of(HistoryOf::clearings, ByteView{}), at, encode(all));
        put_at(prefix_of(HistoryOf::clearing, all.clearing.value), at, encode(all));
        std::uint32_t place = 0;
        for (const auto& [key, one] : fills_)
            put_at(prefix_of(HistoryOf::fills, all.clearing.value), {at.height, place++},
                   encode(one));
        clearing_.reset();
        fills_.clear();
    }

    void put(HistoryOf of, ByteView id, HistoryRow row) {
        row.index = index_;
        put_at(prefix_of(of, id), {row.height, row.index}, encode(row));
    }
    void put_at(Bytes prefix, const Cursor& at, Bytes value) {
        batch_.push_back({Column::history, place_key(std::move(prefix), at), std::move(value)});
    }

    std::vector<DbWrite>& batch_;
    const HistorySource& source_;
    std::uint32_t index_ = 0;
    market::StepEvent step_;
    HistoryRow row_;
    std::optional<Address> sender_;
    std::optional<Address> to_;
    std::vector<Flow> balances_;
    std::vector<Flow> stakes_;
    std::vector<HistoryRow> effects_;
    std::optional<market::ClearingEvent> clearing_;
    std::map<LeaseId, bool> leased_;
    std::map<std::tuple<JobId, Address, market::ClassId, Price>, FillRow> fills_;
};

}  // namespace

void append_history(std::vector<DbWrite>& batch, const HistorySource& source) {
    Writer(batch, source).run();
}

void append_genesis_history(std::vector<DbWrite>& batch, const market::Genesis& genesis) {
    HistoryRow row;
    row.time = genesis.time;
    row.what = std::string("genesis");
    for (const market::GenesisAllocation& one : genesis.allocations) {
        row.in = one.amount;
        batch.push_back({Column::history,
                         place_key(prefix_of(HistoryOf::account, one.account.view()), {}),
                         encode(row)});
    }
}

template <class Row>
Result<HistoryPage<Row>> HistoryReader::page(HistoryOf of, ByteView id, const Cursor& from,
                                             std::size_t limit) const {
    const Bytes prefix = prefix_of(of, id);
    const Cursor first = std::max(from, Cursor{floor_, 0});
    MILLRACE_TRY(const std::vector<KeyValue> found,
                 reader_.scan(Column::history, prefix, place_key(prefix, first), limit + 1));
    HistoryPage<Row> out;
    for (const auto& [key, value] : found) {
        MILLRACE_TRY(Row row, decoded<Row>(value));
        if (out.rows.size() == limit) {
            out.next = Cursor{row.height, row.index};
            break;
        }
        out.rows.push_back(std::move(row));
    }
    return out;
}

Result<HistoryPage<HistoryRow>> HistoryReader::rows(HistoryOf of, ByteView id, const Cursor& from,
                                                    std::size_t limit) const {
    return page<HistoryRow>(of, id, from, limit);
}
Result<HistoryPage<ClassRow>> HistoryReader::of_class(market::ClassId id, const Cursor& from,
                                                      std::size_t limit) const {
    const Bytes key = prefix_of(HistoryOf::class_id, id.value);
    return page<ClassRow>(HistoryOf::class_id, ByteView(key).subspan(1), from, limit);
}
Result<HistoryPage<ClearingRow>> HistoryReader::clearings(const Cursor& from,
                                                          std::size_t limit) const {
    return page<ClearingRow>(HistoryOf::clearings, {}, from, limit);
}
Result<std::optional<ClearingRow>> HistoryReader::clearing(market::ClearingNumber number) const {
    const Bytes prefix = prefix_of(HistoryOf::clearing, number.value);
    MILLRACE_TRY(const std::vector<KeyValue> found,
                 reader_.scan(Column::history, prefix, place_key(prefix, {floor_, 0}), 1));
    if (found.empty()) return std::optional<ClearingRow>();
    MILLRACE_TRY(ClearingRow row, decoded<ClearingRow>(found.front().second));
    return std::optional<ClearingRow>(std::move(row));
}
Result<std::optional<ClearingRow>> HistoryReader::last_clearing() const {
    MILLRACE_TRY(const std::optional<KeyValue> found,
                 reader_.last(Column::history, prefix_of(HistoryOf::clearings, ByteView{})));
    if (!found) return std::optional<ClearingRow>();
    MILLRACE_TRY(ClearingRow row, decoded<ClearingRow>(found->second));
    if (row.height < floor_) return std::optional<ClearingRow>();
    return std::optional<ClearingRow>(std::move(row));
}
Result<std::vector<FillRow>> HistoryReader::fills(market::ClearingNumber number, std::uint32_t from,
                                                  std::size_t limit) const {
    std::vector<FillRow> out;
    MILLRACE_TRY(const std::optional<ClearingRow> at, clearing(number));
    if (!at || from >= kFillsMax) return out;
    const Bytes prefix = prefix_of(HistoryOf::fills, number.value);
    MILLRACE_TRY(
        const std::vector<KeyValue> found,
        reader_.scan(Column::history, prefix, place_key(prefix, {at->height, from}), limit));
    for (const auto& [key, value] : found) {
        MILLRACE_TRY(const FillRow row, decoded<FillRow>(value));
        out.push_back(row);
    }
    return out;
}

Result<std::optional<Height>> HistoryReader::end_of(const JobId& job) const {
    const Bytes prefix = prefix_of(HistoryOf::job_end, job.view());
    MILLRACE_TRY(const std::vector<KeyValue> found,
                 reader_.scan(Column::history, prefix, place_key(prefix, {floor_, 0}), 1));
    if (found.empty()) return std::optional<Height>();
    MILLRACE_TRY(const Height at, decoded<Height>(found.front().second));
    return std::optional<Height>(at);
}

Height history_floor(Height head, std::uint64_t blocks, Height since) {
    if (blocks == 0 || head.value < blocks) return since;
    return std::max(since, Height{head.value - blocks + 1});
}

}  // namespace millrace::node
