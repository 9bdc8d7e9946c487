#!/usr/bin/env bash
# The runs behind docs/growth.md: the same model grown in steps, grown once, grown as the released code does, and
# trained from scratch at each of its sizes, with learning rate and first values swept for each size.
#
# usage: bench/growth/study.sh TRAIN.txt VALID.txt OUT
#
# OUT gets a folder for each run. A run that is there is not run again and one that was stopped goes on, so the script
# can be stopped and started at any time. About three hours on two cores. SEEDS (by default "1 2"), STEPS (800) and
# SWEEP_STEPS (200) can be set in the environment.
set -euo pipefail
[ $# -eq 3 ] || { sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2; }
root=$(cd "$(dirname "$0")/../.." && pwd)
train=$(realpath "$1") valid=$(realpath "$2")
mkdir -p "$3" && cd "$3"
: "${SEEDS:=1 2}" "${STEPS:=800}" "${SWEEP_STEPS:=200}"
tf=$root/tokenformer

shape="--layers 6 --hidden 256 --heads 8 --context 256 --batch 8"
small="--qkv 64 --proj 64 --ffn 256"     # 2.6 million parameters
middle="--qkv 128 --proj 128 --ffn 512"  # 4.2 million
large="--qkv 256 --proj 256 --ffn 1024"  # 7.3 million
to_middle="qkv=128,proj=128,ffn=512" to_large="qkv=256,proj=256,ffn=1024"

once() { # FILE COMMAND...: makes a file whole or not at all
  [ -e "$1" ] || { "${@:2}" >"$1.part" && mv "$1.part" "$1"; }
}

# Every twentieth document is held out, for the sweeps to be measured on.
held_out() { awk -v want="$1" '/^<\|endoftext\|>$/ { if ((n % 20 == 0) == want) print; n++; next } (n % 20 == 0) == want' "$train"; }
once held-out.txt held_out 1
once rest.txt held_out 0
[ -e tokenizer.json ] || "$tf" train-tokenizer --vocab-size 4096 -o tokenizer.json "$train"
for text in rest "$train"; do
  name=$(basename "$text" .txt)
  [ -e "$name.arrow" ] || "$tf" prepare -t tokenizer.json -o "$name.arrow" "${text%.txt}.txt"
done
all=$(basename "$train" .txt).arrow

run() { # NAME OPTIONS...
  local name=$1
  shift
  [ -e "$name/done" ] && return
  local resume=""
  [ -e "$name/latest" ] && resume=--resume
  echo "$(date +%T) $name" >&2
  # shellcheck disable=SC2086
  "$tf" train -t tokenizer.json $shape --save-every 200 --keep 1 --quiet -o "$name" $resume "$@"
  rm -rf "$name"/step-* "$name"/latest "$name"/config.json "$name"/model.safetensors "$name"/tokenizer.json
  touch "$name/done"
}

loss() { # NAME: its last validation loss
  sed -n 's/.*"valid_loss":\([0-9.]*\).*/\1/p' "$1/metrics.jsonl" | tail -1
}

sweep() { # SIZE OPTIONS...: writes the best learning rate and scale of the first values to SIZE.best
  local size=$1 scale rate best=""
  shift
  for setting in "1e-3 1" "2e-3 1" "4e-3 1"; do
    read -r rate scale <<<"$setting"
    sweep_run "$size" "$rate" "$scale" "$@"
  done
  best=$(best_of "$size")
  read -r rate scale <<<"$best"
  for scale in 0.5 2 4; do
    sweep_run "$size" "$rate" "$scale" "$@"
  done
  best_of "$size" >"$size.best"
  echo "best for $size: $(cat "$size.best")" >&2
}
sweep_run() { # SIZE RATE SCALE OPTIONS...
  run "sweep-$1-$2-$3" --data rest.arrow --valid held-out.txt --steps "$SWEEP_STEPS" --eval-every "$SWEEP_STEPS" \
    --lr "$2" --value-scale "$3" --warmup 20 --seed 1 "${@:4}"
}
best_of() { # SIZE
  for folder in sweep-"$1"-*; do
    [ -e "$folder/done" ] && echo "$(loss "$folder") $folder"
  done | sort -n | head -1 | sed "s/.*sweep-$1-\(.*\)-\([0-9.]*\)$/\1 \2/"
}

arm() { # NAME SIZE OPTIONS...: with the best settings of a size
  local rate scale
  read -r rate scale <"$2.best"
  run "$1" --data "$all" --valid "$valid" --steps "$STEPS" --eval-every 50 --warmup 50 --lr "$rate" \
    --value-scale "$scale" "${@:3}"
}

# shellcheck disable=SC2086
{
  sweep small $small
  sweep middle $middle
  sweep large $large
  for seed in $SEEDS; do
    arm "scratch-large-$seed" large $large --seed "$seed"
    arm "grown-once-$seed" large $middle --seed "$seed" --grow-at "$((STEPS / 2)):$to_large"
    arm "released-$seed" large $middle --seed "$seed" --grow-at "$((STEPS / 2)):$to_large" --grow-init released
    arm "grown-in-steps-$seed" large $small --seed "$seed" \
      --grow-at "$((STEPS / 3)):$to_middle" --grow-at "$((STEPS * 2 / 3)):$to_large"
    arm "scratch-middle-$seed" middle $middle --seed "$seed"
    arm "scratch-small-$seed" small $small --seed "$seed"
  done
}
