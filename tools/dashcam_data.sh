#!/usr/bin/env bash
# Converts the image sets that configs/dashcam_resize and configs/dashcam_crop train on, each by one command; images are linked.
# Pedestrians of penn_fudan, human_seg and CamVid are pasted into copies of the dashcam frames.
#   bash tools/dashcam_data.sh SETS OUT
# SETS: the folder that holds dashcam_cn/, traffic_lights/, penn_fudan/, human_seg/, car_parts/, coco_road/ and road_seg/. camvid/ and roadsigns/ are read as they are.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
[ $# -eq 2 ] || die "usage: bash tools/dashcam_data.sh SETS OUT"
make_env
sets=$1 out=$2

convert() { # SET OPTIONS
    local set=$1
    shift
    mtzoo data convert --data "$sets/$set" --out "$out/$set" "$@"
}

convert dashcam_cn --rename tricyclelist=cyclist --ignore barrowlist trafficcone
convert traffic_lights --rename green=traffic_light red=traffic_light yellow=traffic_light
convert penn_fudan
convert car_parts --union vehicle_rear=back_bumper,back_glass,back_left_light,back_right_light,tailgate \
    vehicle_front=front_bumper,front_glass,front_left_light,front_right_light,hood
python "$ROOT/tools/paste_objects.py" --images "$out/dashcam_cn/train/images" --boxes "$out/dashcam_cn/train/boxes.json" --name person \
    --cutouts "$out/penn_fudan/train/images" "$sets/penn_fudan/PedMasks" each \
    --cutouts "$sets/human_seg/Training_Images" "$sets/human_seg/Ground_Truth" 255 \
    --cutouts "$sets/camvid/train/images" "$sets/camvid/train/masks" 9 --copies 4 --objects 4 10 --out "$out/dashcam_pasted"
convert coco_road --labels object_detection/labels --ignore bicycle motorcycle
convert road_seg
