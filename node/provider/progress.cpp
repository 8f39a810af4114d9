#include "node/provider/progress.hpp"

namespace millrace::node {

ProgressTable::Running::Running(ProgressTable& table, const JobId& job, const LeaseId& lease,
                                std::uint32_t task, Gas gas_limit)
    : table_(table), key_(job, lease, task) {
    TaskProgress row;
    row.task = task;
    row.lease = lease;
    row.gas_limit = gas_limit;
    const std::lock_guard lock(table_.mutex_);
    table_.rows_[key_] = std::move(row);
}

ProgressTable::Running::~Running() {
    const std::lock_guard lock(table_.mutex_);
    table_.rows_.erase(key_);
}

void ProgressTable::Running::tell(Gas gas_used, vm::Tails tail) {
    const std::lock_guard lock(table_.mutex_);
    TaskProgress& row = table_.rows_[key_];
    row.gas_used = gas_used;
    row.tail = std::move(tail);
}

std::vector<TaskProgress> ProgressTable::of_job(const JobId& job) const {
    std::vector<TaskProgress> out;
    const std::lock_guard lock(mutex_);
    for (auto row = rows_.lower_bound(Key(job, LeaseId{}, 0));
         row != rows_.end() && std::get<JobId>(row->first) == job; ++row)
        out.push_back(row->second);
    return out;
}

std::optional<TaskProgress> ProgressTable::of_task(const JobId& job, std::uint32_t task) const {
    std::optional<TaskProgress> out;
    for (TaskProgress& row : of_job(job))
        if (row.task == task && (!out || out->gas_used < row.gas_used)) out = std::move(row);
    return out;
}

std::size_t ProgressTable::size() const {
    const std::lock_guard lock(mutex_);
    return rows_.size();
}

}  // namespace millrace::node
